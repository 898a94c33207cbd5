//! A terminal's colours as numbers: those of a film do not depend on how a terminal is set.

use ratatui::style::{Color, Modifier};

use crate::film::{FilmStyle, Rgb};
use crate::tui::theme::{Theme, ThemeName};

const DARK: (Rgb, Rgb) = (Rgb([0xd7, 0xdd, 0xe5]), Rgb([0x10, 0x14, 0x1a]));
const LIGHT: (Rgb, Rgb) = (Rgb([0x1f, 0x26, 0x2e]), Rgb([0xfd, 0xfd, 0xfb]));
const ROOM: (Rgb, Rgb) = (Rgb([0, 0, 0]), Rgb([0xff, 0xff, 0xff]));

/// The colours of plain text, and of what is behind it.
pub(super) fn ground(theme: &Theme) -> (Rgb, Rgb) {
    match theme.name() {
        ThemeName::Dark | ThemeName::Mono => DARK,
        ThemeName::Light => LIGHT,
        ThemeName::Projector => ROOM,
    }
}

/// Each colour of a theme with the one that stands for it on the other ground.
pub(super) fn turned(theme: &Theme) -> Vec<(Rgb, Rgb)> {
    let to = match (theme.name(), theme.turned()) {
        (_, Some(other)) => ground(&other),
        (ThemeName::Mono, None) => LIGHT,
        (_, None) => return Vec::new(),
    };
    let from = ground(theme);
    let mut pairs = vec![(from.0, to.0), (from.1, to.1)];
    let others: Vec<_> = theme.turned().iter().flat_map(Theme::colours).collect();
    let colours = theme.colours().zip(others);
    pairs.extend(colours.filter_map(|(one, other)| Some((rgb(one)?, rgb(other)?))));
    pairs
}

/// How a cell looks on that ground.
pub(super) fn style((fg, bg, emphasis): (Color, Color, Modifier), ground: (Rgb, Rgb)) -> FilmStyle {
    let (mut fg, mut bg) = (rgb(fg), rgb(bg));
    if emphasis.contains(Modifier::REVERSED) {
        (fg, bg) = (bg.or(Some(ground.1)), fg.or(Some(ground.0)));
    }
    FilmStyle {
        fg: fg.filter(|fg| *fg != ground.0),
        bg: bg.filter(|bg| *bg != ground.1),
        bold: emphasis.contains(Modifier::BOLD),
        dim: emphasis.contains(Modifier::DIM),
        italic: emphasis.contains(Modifier::ITALIC),
        underlined: emphasis.contains(Modifier::UNDERLINED),
    }
}

/// A colour as xterm has it; `None` for that of the ground.
fn rgb(colour: Color) -> Option<Rgb> {
    let named = |n| Some(indexed(n));
    match colour {
        Color::Reset => None,
        Color::Black => named(0),
        Color::Red => named(1),
        Color::Green => named(2),
        Color::Yellow => named(3),
        Color::Blue => named(4),
        Color::Magenta => named(5),
        Color::Cyan => named(6),
        Color::Gray => named(7),
        Color::DarkGray => named(8),
        Color::LightRed => named(9),
        Color::LightGreen => named(10),
        Color::LightYellow => named(11),
        Color::LightBlue => named(12),
        Color::LightMagenta => named(13),
        Color::LightCyan => named(14),
        Color::White => named(15),
        Color::Rgb(r, g, b) => Some(Rgb([r, g, b])),
        Color::Indexed(n) => named(n),
    }
}

/// The 256 colours: sixteen, a cube of six steps a side, and greys (256colres.h of xterm).
fn indexed(n: u8) -> Rgb {
    const FIRST: [u32; 16] = [
        0x00_0000, 0xcd_0000, 0x00_cd00, 0xcd_cd00, 0x00_00ee, 0xcd_00cd, 0x00_cdcd, 0xe5_e5e5,
        0x7f_7f7f, 0xff_0000, 0x00_ff00, 0xff_ff00, 0x5c_5cff, 0xff_00ff, 0x00_ffff, 0xff_ffff,
    ];
    let step = |n: u8| if n == 0 { 0 } else { 55 + 40 * n };
    match n {
        0..16 => {
            let [_, r, g, b] = FIRST[usize::from(n)].to_be_bytes();
            Rgb([r, g, b])
        }
        16..232 => Rgb([(n - 16) / 36, (n - 16) / 6 % 6, (n - 16) % 6].map(step)),
        232.. => Rgb([8 + 10 * (n - 232); 3]),
    }
}
