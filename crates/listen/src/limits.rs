//! How much of anything is held at once. Each bound is reached visibly: a named rejection or an error that says so.

/// The longest line, row or record, in bytes.
pub const LINE_BYTES_MAX: usize = 16 << 20;

/// How much of an overlong line is kept with its rejection, in bytes.
pub const LINE_BYTES_KEPT: usize = 64 << 10;

/// How much of a file is looked at before it is read, in bytes of text.
pub const SAMPLE_BYTES: usize = 1 << 20;

/// How many rows of that are looked at.
pub const SAMPLE_ROWS: usize = 10_000;

/// How many kinds of keys an event may have.
pub const KEYS_MAX: usize = 16;

/// How many bytes the groups of rows that are one event may take, as estimated: about two million baskets.
pub const GROUPS_BYTES_MAX: usize = 1 << 30;

/// How deep the attributes of an XML log may be nested.
pub const XML_DEPTH_MAX: usize = 64;

/// The largest OCEL file, in bytes once decompressed: its references may point forwards, so it is held in memory.
pub const OCEL_BYTES_MAX: u64 = 1 << 30;

/// The largest body of a request, in bytes once decompressed: clients cut a batch when its messages have 4 MiB together, then put more
/// around them.
pub const BODY_BYTES_MAX: usize = 5 << 20;

/// How many messages a body may have.
pub const MESSAGES_MAX: usize = 5_000;

/// The largest message of a body, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 256 << 10;

/// How large may be what the messages of a batch share, in bytes: each of them gets it.
pub const ENVELOPE_BYTES_MAX: usize = 16 << 10;

/// How large it may be for all messages of a batch together, in bytes.
pub const SHARED_BYTES_MAX: usize = 4 << 20;

/// The longest id of a message, in characters.
pub const MESSAGE_ID_CHARS_MAX: usize = 256;

/// The longest identifier of a customer that is taken live, in bytes: live state is found by it.
pub const ID_BYTES_MAX: usize = 1_024;
