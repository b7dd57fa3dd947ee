//! How things are told apart: by colour where there is any, and always by something else too.

use ratatui_core::style::{Color, Modifier, Style};

/// Colours for names of users: those that are read well on a dark and on a light ground.
const NAMES: [Color; 6] =
    [Color::Green, Color::Cyan, Color::Magenta, Color::Yellow, Color::Blue, Color::LightRed];

/// Whether there are colours, and which characters the terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Colours; without, bold, dim and reversed only.
    pub colour: bool,
    /// Characters beyond ASCII.
    pub unicode: bool,
}

impl Look {
    pub(super) const fn plain() -> Style {
        Style::new()
    }

    pub(super) const fn bold() -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    pub(super) const fn dim() -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    /// The bars at the top and above the line being typed.
    pub(super) const fn bar() -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    pub(super) fn warning(self) -> Style {
        self.coloured(Self::bold(), Color::Red)
    }

    pub(super) fn file(self) -> Style {
        self.coloured(Self::plain(), Color::Cyan)
    }

    /// Light on dark whatever the terminal's colours are: a camera wants it so.
    pub(super) const fn figure(self) -> Style {
        if self.colour { Self::plain().fg(Color::White).bg(Color::Black) } else { Self::plain() }
    }

    pub(super) fn rule(self) -> Style {
        self.coloured(Self::plain(), Color::Yellow)
    }

    /// The name of a user: always the same colour for the same name.
    pub(super) fn name(self, name: &str, is_own: bool) -> Style {
        if is_own {
            return Self::bold();
        }
        let sum = name.bytes().fold(7_usize, |sum, byte| sum.wrapping_mul(31) + usize::from(byte));
        self.coloured(Self::plain(), NAMES[sum % NAMES.len()])
    }

    fn coloured(self, style: Style, colour: Color) -> Style {
        if self.colour { style.fg(colour) } else { style }
    }

    /// `fancy`, or what stands for it where only ASCII can be shown.
    pub(super) const fn sign(self, fancy: &'static str, ascii: &'static str) -> &'static str {
        if self.unicode { fancy } else { ascii }
    }
}
