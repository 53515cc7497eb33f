//! Many texts, one after the other, with a number for each.

/// Texts by their numbers, from 0 on.
#[derive(Debug, Default)]
pub(super) struct Texts {
    text: String,
    /// Where each ends, without what does not fit: 4 bytes for each text, of which there are millions.
    ends: Vec<u32>,
    /// The first text that ends beyond 4 GiB, that which ends beyond 8, and so on.
    beyond: Vec<u32>,
}

/// The bits of an end that fit.
const END_BITS: u32 = u32::BITS;

impl Texts {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Adds a text; returns its number.
    pub(super) fn push(&mut self, text: &str) -> u32 {
        let number = u32::try_from(self.ends.len()).expect("fewer than 2^32 keys fit in memory");
        self.text.push_str(text);
        let end = self.text.len() as u64;
        self.beyond.resize(usize::try_from(end >> END_BITS).expect("as many as there are GiB"), number);
        self.ends.push(u32::try_from(end & u64::from(u32::MAX)).expect("it has 32 bits"));
        number
    }

    /// The text of a number.
    pub(super) fn get(&self, number: u32) -> &str {
        let start = number.checked_sub(1).map_or(0, |before| self.end(before));
        self.text.get(start..self.end(number)).expect("ends lie between texts")
    }

    fn end(&self, number: u32) -> usize {
        let beyond = self.beyond.partition_point(|first| *first <= number);
        (beyond << END_BITS) + self.ends[number as usize] as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back() {
        let mut texts = Texts::default();
        let all = ["a", "", "bö", "", "c"];
        assert!(all.iter().zip(0..).all(|(text, number)| texts.push(text) == number));
        assert!(all.iter().zip(0..).all(|(text, number)| texts.get(number) == *text));
        assert_eq!(texts.len(), 5);
    }

    #[test]
    fn ends_beyond_what_fits_are_found() {
        let texts = Texts { text: String::new(), ends: vec![7, u32::MAX, 0, 5, 1, 2], beyond: vec![2, 4, 4] };
        let ends: Vec<usize> = (0..6).map(|number| texts.end(number)).collect();
        let gib = 1 << 32;
        assert_eq!(ends, [7, gib - 1, gib, gib + 5, 3 * gib + 1, 3 * gib + 2]);
    }
}
