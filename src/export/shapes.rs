//! Which signs of a screen are lines and blocks (Unicode, Box Drawing and Block Elements): drawn by a
//! font they leave gaps, and stand where it likes.

/// What a sign is, if it is no letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Lines from the middle of the cell.
    Lines(Arms),
    /// A part of the cell.
    Block(Block),
}

/// Which way lines go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a side of its own")]
pub(super) struct Arms {
    pub(super) left: bool,
    pub(super) right: bool,
    pub(super) up: bool,
    pub(super) down: bool,
    pub(super) thick: bool,
    pub(super) dashed: bool,
}

/// A part of a cell: so many eighths of it from the left, and from below; so many quarters of its
/// colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) columns: u32,
    pub(super) rows: u32,
    pub(super) shade: u32,
}

impl Block {
    /// All of it.
    pub(super) const FULL: Self = Self { columns: 8, rows: 8, shade: 4 };
}

/// The signs that are lines: left, right, up, down, and `t` for thick ones, `-` for dashed ones.
const LINES: [(&str, &str); 15] = [
    ("─", "lr"),
    ("│", "ud"),
    ("┌", "rd"),
    ("┐", "ld"),
    ("└", "ru"),
    ("┘", "lu"),
    ("├", "rud"),
    ("┤", "lud"),
    ("┬", "lrd"),
    ("┴", "lru"),
    ("┼", "lrud"),
    ("━", "lrt"),
    ("┃", "udt"),
    ("┄", "lr-"),
    ("┆", "ud-"),
];

impl Shape {
    /// What that sign is.
    pub(super) fn of(symbol: &str) -> Option<Self> {
        let mut all = symbol.chars();
        let (sign, None) = (all.next()?, all.next()) else { return None };
        let part = |columns, rows| Some(Self::Block(Block { columns, rows, shade: 4 }));
        let shade = |shade| Some(Self::Block(Block { shade, ..Block::FULL }));
        match sign {
            '█' => part(8, 8),
            // One eighth to seven, from below; seven to one, from the left.
            '▁'..='▇' => part(8, u32::from(sign) - 0x2580),
            '▉'..='▏' => part(0x2590 - u32::from(sign), 8),
            '░' => shade(1),
            '▒' => shade(2),
            '▓' => shade(3),
            _ => {
                let (_, sides) = LINES.iter().find(|(line, _)| *line == symbol)?;
                let dashed = sides.ends_with('-');
                let has = |side: char| sides.contains(side);
                Some(Self::Lines(Arms {
                    left: has('l'),
                    right: has('r'),
                    up: has('u'),
                    down: has('d'),
                    thick: has('t'),
                    dashed,
                }))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_are_what_they_look_like() {
        let arms = |symbol| match Shape::of(symbol) {
            Some(Shape::Lines(arms)) => [arms.left, arms.right, arms.up, arms.down],
            other => panic!("{symbol}: {other:?}"),
        };
        assert_eq!(arms("├"), [false, true, true, true]);
        assert_eq!(arms("┄"), [true, true, false, false]);
        let block = |columns, rows, shade| Some(Shape::Block(Block { columns, rows, shade }));
        for (symbol, shape) in [
            ("▁", block(8, 1, 4)),
            ("▇", block(8, 7, 4)),
            ("█", block(8, 8, 4)),
            ("▌", block(4, 8, 4)),
            ("▏", block(1, 8, 4)),
            ("▒", block(8, 8, 2)),
            ("a", None),
            ("●", None),
            ("", None),
        ] {
            assert_eq!(Shape::of(symbol), shape, "{symbol}");
        }
    }
}
