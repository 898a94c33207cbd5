//! Random numbers with a fixed sequence for each seed.

/// A generator (splitmix64).
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// The generator of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `sides`; 0 if there are none.
    pub fn roll(&mut self, sides: usize) -> usize {
        let sides = u64::try_from(sides).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % sides).unwrap_or(0)
    }

    /// True in so many of a hundred cases.
    pub(crate) fn percent(&mut self, n: usize) -> bool {
        self.roll(100) < n
    }

    /// One of them; `None` if there is none.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.roll(from.len()))
    }

    /// One of them, each as often as its weight says.
    pub(crate) fn weigh<T: Copy>(&mut self, from: &[(usize, T)]) -> Option<T> {
        let mut at = self.roll(from.iter().map(|(weight, _)| weight).sum());
        from.iter().find_map(|(weight, of)| {
            let here = at < *weight;
            at = at.saturating_sub(*weight);
            here.then_some(*of)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_numbers_and_weights_count() {
        let (mut a, mut b) = (Rng::new(7), Rng::new(7));
        let rolls: Vec<_> = (0..1000).map(|_| a.weigh(&[(1, 'x'), (0, 'y'), (3, 'z')])).collect();
        assert!(rolls.iter().all(|roll| *roll == b.weigh(&[(1, 'x'), (0, 'y'), (3, 'z')])));
        let count = |c| rolls.iter().filter(|roll| **roll == Some(c)).count();
        assert!((200..300).contains(&count('x')), "{}", count('x'));
        assert_eq!((count('y'), a.pick::<u8>(&[]), a.roll(0)), (0, None, 0));
    }
}
