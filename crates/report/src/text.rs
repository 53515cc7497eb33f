//! Text that goes into HTML or SVG: made safe, measured, shortened.

use std::fmt::Write;

/// A text as it may stand between tags and in quoted attributes of HTML and XML. Characters that XML does not allow,
/// and other control characters, show as `·`.
pub(crate) fn safe(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c if forbidden(c) => safe.push('·'),
            c => safe.push(c),
        }
    }
    safe
}

/// Control characters, those that reorder the text around them, and the two that XML leaves out.
fn forbidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
        || matches!(c, '\u{fffe}' | '\u{ffff}')
}

/// A text in which what stands between backticks is code.
pub(crate) fn coded(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    // A backtick without a counterpart is one.
    if parts.len().is_multiple_of(2) {
        return safe(text);
    }
    let part = |(i, part): (usize, &&str)| if i % 2 == 1 { format!("<code>{}</code>", safe(part)) } else { safe(part) };
    parts.iter().enumerate().map(part).collect()
}

/// Adds formatted text.
pub(crate) fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("writing to a string does not fail");
}

/// A fragment as a sentence: with a capital in front and a full stop behind.
pub(crate) fn sentence(fragment: &str) -> String {
    let mut chars = fragment.chars();
    let first: String = chars.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{first}{}.", chars.as_str())
}

/// About how wide a text is at a font size, in the same unit; rather too wide than too narrow, as the font is not
/// known.
pub(crate) fn width(text: &str, size: f64) -> f64 {
    text.chars().map(advance).sum::<f64>() * size
}

/// The advance of a character in a wide sans-serif font (`DejaVu Sans`), as a share of the font size.
fn advance(c: char) -> f64 {
    match c {
        'i' | 'l' | 'j' | 'I' | '.' | ',' | '\'' | '!' | '|' | ':' | ';' | ' ' | '·' => 0.36,
        'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '-' | '/' => 0.43,
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 0.98,
        'A'..='Z' => 0.72,
        '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200d}' | '\u{fe00}'..='\u{fe0f}' => 0.0,
        '\u{1100}'.. if !matches!(c, '\u{2000}'..='\u{206f}') => 1.2,
        _ => 0.64,
    }
}

/// The text cut to a width, with `…` where something was left out.
pub(crate) fn shortened(text: &str, size: f64, most: f64) -> String {
    if width(text, size) <= most {
        return text.to_owned();
    }
    let mut room = most - width("…", size);
    let mut short = String::new();
    for c in text.chars() {
        room -= advance(c) * size;
        if room < 0.0 {
            break;
        }
        short.push(c);
    }
    format!("{}…", short.trim_end())
}

/// The text in at most `lines` lines of a width, broken between words where that works, shortened where it does not
/// fit.
pub(crate) fn in_lines(text: &str, lines: usize, size: f64, most: f64) -> Vec<String> {
    if lines <= 1 || width(text, size) <= most {
        return vec![shortened(text, size, most)];
    }
    let fits = |(i, _): &(usize, char)| text.get(..*i).is_some_and(|first| width(first, size) <= most);
    let break_at = text.char_indices().filter(|(_, c)| c.is_whitespace()).take_while(fits).last();
    let Some((first, rest)) =
        break_at.and_then(|(i, _)| text.split_at_checked(i)).filter(|(first, _)| !first.is_empty())
    else {
        return vec![shortened(text, size, most)];
    };
    let mut all = vec![first.to_owned()];
    all.extend(in_lines(rest.trim_start(), lines - 1, size, most));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_gets_out_of_a_text() {
        assert_eq!(safe("<b a=\"1\" c='2'>&\u{0}\u{202e}é😀"), "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;··é😀");
    }

    #[test]
    fn code_is_marked_and_safe() {
        assert_eq!(coded("a `b<` c"), "a <code>b&lt;</code> c");
        assert_eq!(coded("it`s <"), "it`s &lt;");
    }

    #[test]
    fn shortened_texts_fit() {
        let name = "T06 Determine necessity of stop advice";
        for most in [30.0, 80.0, 150.0, 400.0] {
            assert!(width(&shortened(name, 12.0, most), 12.0) <= most);
            assert!(in_lines(name, 3, 12.0, most).iter().all(|line| width(line, 12.0) <= most));
        }
        assert_eq!(in_lines(name, 2, 12.0, 190.0), ["T06 Determine necessity of", "stop advice"]);
        assert_eq!(in_lines(name, 3, 12.0, 130.0), ["T06 Determine", "necessity of stop", "advice"]);
        assert_eq!(shortened("short", 12.0, 100.0), "short");
    }
}
