//! What happens in the benchmark's world: the names of its moments, channels and pages, and how popular each is.

use crate::Random;
use crate::random::whole;

/// What an event of a moment carries besides its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nothing.
    Plain,
    /// An amount of money.
    Money,
    /// The page that was looked at.
    Page,
}

/// A kind of event.
#[derive(Debug, Clone, Copy)]
pub struct MomentKind {
    /// Its name, as an event file gives it.
    pub name: &'static str,
    /// Which of [`MOMENTS`] usually comes next.
    pub next: u8,
    /// What its events carry.
    pub kind: Kind,
}

const fn plain(name: &'static str, next: u8) -> MomentKind {
    MomentKind { name, next, kind: Kind::Plain }
}

const fn page_of(name: &'static str, next: u8) -> MomentKind {
    MomentKind { name, next, kind: Kind::Page }
}

const fn money(name: &'static str, next: u8) -> MomentKind {
    MomentKind { name, next, kind: Kind::Money }
}

/// The forty moments, the most popular first; their popularity follows Zipf's law with exponent 1.1.
pub const MOMENTS: [MomentKind; 40] = [
    page_of("Page Viewed", 1),
    page_of("Product Viewed", 4),
    plain("Products Searched", 3),
    page_of("Product List Viewed", 1),
    money("Product Added", 7),
    plain("App Opened", 8),
    plain("Email Opened", 9),
    page_of("Cart Viewed", 10),
    plain("Signed In", 0),
    plain("Email Link Clicked", 0),
    money("Checkout Started", 11),
    plain("Payment Info Entered", 12),
    money("Order Completed", 13),
    plain("Order Shipped", 14),
    plain("Order Delivered", 15),
    plain("Survey Answered", 0),
    plain("Product Removed", 7),
    plain("Wishlist Product Added", 1),
    plain("Promotion Viewed", 19),
    plain("Promotion Clicked", 1),
    plain("Notification Received", 21),
    plain("Notification Opened", 5),
    plain("Coupon Entered", 23),
    plain("Coupon Applied", 11),
    plain("Help Article Viewed", 25),
    plain("Chat Started", 26),
    plain("Chat Ended", 15),
    plain("Call Started", 28),
    plain("Call Ended", 29),
    plain("Ticket Opened", 30),
    plain("Ticket Updated", 31),
    plain("Ticket Closed", 15),
    plain("Return Requested", 33),
    money("Return Received", 34),
    money("Refund Issued", 0),
    plain("Shop Visited", 36),
    money("Shop Purchase", 13),
    plain("Review Written", 0),
    money("Contract Renewed", 39),
    plain("Account Updated", 8),
];

/// The six channels with their shares.
const CHANNEL_SHARES: [(u8, f64); 6] = [(0, 0.42), (1, 0.30), (2, 0.12), (3, 0.07), (4, 0.06), (5, 0.03)];

/// The names of the channels.
pub const CHANNELS: [&str; 6] = ["web", "app", "email", "call", "shop", "chat"];

/// The pages of the web site and the app.
pub const PAGES: [&str; 24] = [
    "/", "/search", "/offers", "/new", "/phones", "/tablets", "/audio", "/tv", "/games", "/home", "/garden",
    "/kitchen", "/toys", "/books", "/sports", "/health", "/beauty", "/fashion", "/shoes", "/kids", "/cart", "/account",
    "/help", "/stores",
];

pub(super) fn channel(random: &mut Random) -> u8 {
    *random.weighted(&CHANNEL_SHARES)
}

/// A page; the first ones are the most visited.
pub(super) fn page(random: &mut Random) -> u8 {
    let square = random.unit() * random.unit() * PAGES.len() as f64;
    u8::try_from(whole(square)).expect("fewer than 256 pages")
}

/// Zipf's law with exponent 1.1 over the moments, as a table: one look-up per draw instead of a search.
#[derive(Debug)]
pub(super) struct Popularity(Vec<u8>);

const TABLE_SIZE: u32 = 1 << 14;
const ZIPF_EXPONENT: f64 = 1.1;

impl Popularity {
    pub(super) fn new() -> Self {
        let weights: Vec<f64> = (1..=MOMENTS.len()).map(|rank| (rank as f64).powf(-ZIPF_EXPONENT)).collect();
        let total: f64 = weights.iter().sum();
        let mut table = Vec::with_capacity(TABLE_SIZE as usize);
        let mut upto = 0.0;
        for (moment, weight) in (0u8..).zip(&weights) {
            upto += weight / total;
            let end = whole((upto * f64::from(TABLE_SIZE)).round());
            table.resize(usize::try_from(end).expect("shares are positive"), moment);
        }
        assert_eq!(table.len(), TABLE_SIZE as usize, "the shares add up to one");
        Self(table)
    }

    pub(super) fn draw(&self, random: &mut Random) -> u8 {
        self.0[random.below(TABLE_SIZE) as usize]
    }
}
