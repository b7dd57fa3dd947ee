//! How things are told apart: by colour where there is any, and always by something else too.

use ratatui_core::style::{Color, Modifier, Style};

/// Most colours for names of users.
const MAX_NAMES: usize = 12;

/// Which colour each part has. `Reset` is the terminal's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Theme {
    warning: Color,
    notice: Color,
    file: Color,
    rule: Color,
    own: Color,
    bar: Color,
    /// The first `name_count` of them.
    names: [Color; MAX_NAMES],
    name_count: usize,
}

impl Default for Theme {
    fn default() -> Self {
        let mut theme = Self {
            warning: Color::Red,
            notice: Color::Reset,
            file: Color::Cyan,
            rule: Color::Yellow,
            own: Color::Reset,
            bar: Color::Reset,
            names: [Color::Reset; MAX_NAMES],
            name_count: 0,
        };
        // Those that are read well on a dark and on a light ground.
        theme.set_names(&[
            Color::Green,
            Color::Cyan,
            Color::Magenta,
            Color::Yellow,
            Color::Blue,
            Color::LightRed,
        ]);
        theme
    }
}

impl Theme {
    /// The parts that have a colour, for people.
    pub const PARTS: &str = "warning, notice, file, rule, own, bar and names";

    /// Gives a part another colour; `names` has several, with blanks between.
    ///
    /// # Errors
    /// A text for the person.
    pub fn set(&mut self, part: &str, colours: &str) -> Result<(), String> {
        let found: Vec<Color> = colours.split_whitespace().map(colour).collect::<Result<_, _>>()?;
        if part == "names" && (1..=MAX_NAMES).contains(&found.len()) {
            self.set_names(&found);
            return Ok(());
        }
        let place = match part {
            "warning" => &mut self.warning,
            "notice" => &mut self.notice,
            "file" => &mut self.file,
            "rule" => &mut self.rule,
            "own" => &mut self.own,
            "bar" => &mut self.bar,
            "names" => return Err(format!("names have one to {MAX_NAMES} colours")),
            _ => return Err(format!("there is no part '{part}': there are {}", Self::PARTS)),
        };
        let [colour] = found[..] else { return Err("that is not one colour".to_owned()) };
        *place = colour;
        Ok(())
    }

    fn set_names(&mut self, colours: &[Color]) {
        for (place, colour) in self.names.iter_mut().zip(colours) {
            *place = *colour;
        }
        self.name_count = colours.len().min(MAX_NAMES);
    }
}

fn colour(word: &str) -> Result<Color, String> {
    let word = word.trim_end_matches(',');
    if word.eq_ignore_ascii_case("default") {
        return Ok(Color::Reset);
    }
    word.parse().map_err(|_| {
        format!(
            "'{word}' is no colour: they are called red, light-red and so on, default, 0 to 255 or \
             #rrggbb"
        )
    })
}

/// Whether there are colours, which, and which characters the terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Colours; without, bold, dim and reversed only.
    pub colour: bool,
    /// Characters beyond ASCII.
    pub unicode: bool,
    /// Which colours, where there are any.
    pub theme: Theme,
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
    pub(super) fn bar(self) -> Style {
        self.coloured(Style::new().add_modifier(Modifier::REVERSED), self.theme.bar)
    }

    pub(super) fn warning(self) -> Style {
        self.coloured(Self::bold(), self.theme.warning)
    }

    pub(super) fn notice(self) -> Style {
        self.coloured(Self::dim(), self.theme.notice)
    }

    pub(super) fn file(self) -> Style {
        self.coloured(Self::plain(), self.theme.file)
    }

    /// Light on dark whatever the terminal's colours are: a camera wants it so.
    pub(super) const fn figure(self) -> Style {
        if self.colour { Self::plain().fg(Color::White).bg(Color::Black) } else { Self::plain() }
    }

    pub(super) fn rule(self) -> Style {
        self.coloured(Self::plain(), self.theme.rule)
    }

    /// The name of a user: always the same colour for the same name.
    pub(super) fn name(self, name: &str, is_own: bool) -> Style {
        if is_own {
            return self.coloured(Self::bold(), self.theme.own);
        }
        let sum = name.bytes().fold(7_usize, |sum, byte| sum.wrapping_mul(31) + usize::from(byte));
        self.coloured(Self::plain(), self.theme.names[sum % self.theme.name_count.max(1)])
    }

    fn coloured(self, style: Style, colour: Color) -> Style {
        if self.colour && colour != Color::Reset { style.fg(colour) } else { style }
    }

    /// `fancy`, or what stands for it where only ASCII can be shown.
    pub(super) const fn sign(self, fancy: &'static str, ascii: &'static str) -> &'static str {
        if self.unicode { fancy } else { ascii }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_have_the_colours_that_were_chosen() {
        let mut look = Look { colour: true, unicode: true, theme: Theme::default() };
        let usual = look.name("bob", false);
        look.theme.set("warning", "#ff8800").unwrap();
        look.theme.set("own", "Light-Green").unwrap();
        look.theme.set("names", "208").unwrap();
        look.theme.set("file", "default").unwrap();
        assert_eq!(look.warning().fg, Some(Color::Rgb(255, 136, 0)));
        assert_eq!(look.name("alice", true).fg, Some(Color::LightGreen));
        assert_eq!(look.name("bob", false).fg, Some(Color::Indexed(208)));
        assert_ne!(look.name("bob", false), usual);
        assert_eq!(look.file().fg, None);
        // https://no-color.org: whatever was chosen.
        look.colour = false;
        assert_eq!((look.warning().fg, look.name("bob", false).fg), (None, None));
    }

    #[test]
    fn what_is_no_part_or_no_colour_is_said() {
        let mut theme = Theme::default();
        for (part, colours, word) in [
            ("warnings", "red", "names"),
            ("warning", "reddish", "reddish"),
            ("warning", "red blue", "one colour"),
            ("warning", "", "one colour"),
            ("names", "", "one to 12"),
        ] {
            let error = theme.set(part, colours).unwrap_err();
            assert!(error.contains(word), "{part} {colours}: {error}");
        }
        assert_eq!(theme, Theme::default());
        let many = vec!["red"; MAX_NAMES + 1].join(" ");
        assert!(theme.set("names", &many).is_err());
    }
}
