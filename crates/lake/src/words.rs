//! Words that occur again and again in an import, kept once.

use hashbrown::HashTable;
use rapidhash::fast::RandomState;
use std::hash::BuildHasher;

/// Distinct texts, numbered from 1; 0 is no text.
#[derive(Debug, Default)]
pub(crate) struct Words {
    texts: Vec<Box<str>>,
    by_text: HashTable<u32>,
    hasher: RandomState,
}

impl Words {
    /// The number of this text.
    pub(crate) fn number(&mut self, text: Option<&str>) -> u32 {
        let Some(text) = text else { return 0 };
        let hash = self.hasher.hash_one(text);
        if let Some(known) = self.by_text.find(hash, |n| &*self.texts[*n as usize - 1] == text) {
            return *known;
        }
        self.texts.push(text.into());
        let number = u32::try_from(self.texts.len()).expect("fewer than 2^32 distinct words fit in memory");
        let (texts, hasher) = (&self.texts, &self.hasher);
        self.by_text.insert_unique(hash, number, |n| hasher.hash_one(&*texts[*n as usize - 1]));
        number
    }

    /// The text of a number.
    pub(crate) fn text(&self, number: u32) -> Option<&str> {
        number.checked_sub(1).and_then(|n| self.texts.get(n as usize)).map(|text| &**text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_keep_their_numbers() {
        let mut words = Words::default();
        let (a, b) = (words.number(Some("a")), words.number(Some("b")));
        assert_eq!((words.number(None), a, b, words.number(Some("a"))), (0, 1, 2, 1));
        assert_eq!((words.text(0), words.text(1), words.text(2)), (None, Some("a"), Some("b")));
    }
}
