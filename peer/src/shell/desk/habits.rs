//! What is typed about the settings.

use wire::time::{Duration, Instant};

use super::{Changes, Desk, Do, Face, Giver};
use crate::app::{AutoAway, Strangers, Switch};
use crate::command::{Command, Preference};
use crate::face::tui::{Habits, OwnWords};
use crate::output::Output;
use crate::shell::config::{Config, TABLES};
use crate::shell::hooks::Programs;
use crate::shell::preferences::Counts;
use crate::transfer::Policy;

/// How things are done that other parts of the program do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::shell) struct Ways {
    /// Which files are taken without asking, and how fast files go.
    pub(in crate::shell) files: Policy,
    /// What strangers may do.
    pub(in crate::shell) strangers: Strangers,
    /// After how long others see him as away.
    pub(in crate::shell) auto_away: AutoAway,
    /// Programs that are called.
    pub(in crate::shell) programs: Programs,
    /// What the full screen needs to know.
    pub(in crate::shell) habits: Habits,
}

impl Desk {
    /// How things are done now.
    pub(in crate::shell) fn ways(&self) -> Ways {
        let preferences = &self.preferences;
        Ways {
            files: preferences.files(),
            strangers: preferences.strangers(),
            auto_away: preferences.auto_away(),
            programs: preferences.programs(),
            habits: Habits {
                theme: preferences.theme(),
                keys: preferences.keys().clone(),
                words: OwnWords {
                    settings: preferences.names(),
                    aliases: preferences.aliases().clone(),
                    style: preferences.style(),
                },
                notices: preferences.notices(),
                attention: preferences.attention(),
                mouse: preferences.mouse(),
            },
        }
    }

    /// What a person has before him as lines, he has read. The full screen knows better what it shows, and
    /// a program says it itself.
    pub(super) fn mark_read(&self, output: &Output, todo: &mut Vec<Do>) {
        let is_shown = matches!((&self.face, &self.giver), (Face::Plain(_), Giver::Person));
        if !is_shown || self.preferences.attention().read_marks == Switch::Off {
            return;
        }
        let from = if let Output::Message { from, room: None, .. } = output {
            from
        } else if let Output::Changed { from, with, .. } = output
            && from == with
        {
            from
        } else {
            return;
        };
        todo.push(Do::Command(Command::Read { from: from.clone(), line: None }));
    }

    /// How long to wait at the end of standard input when nothing moves.
    pub(super) fn linger(&self) -> Duration {
        Duration::from_secs(self.preferences.linger())
    }

    /// The changes are in the file, or are not.
    pub(in crate::shell) fn on_saved(
        &mut self,
        now: Instant,
        saved: Result<Changes, String>,
    ) -> Vec<Do> {
        match saved {
            Ok(changes) => {
                self.preferences.saved(&changes);
                let file = self.preferences.file().map(|file| file.display().to_string());
                let text = format!("Saved in {}.", file.unwrap_or_default());
                self.show(now, &Output::Info { text })
            }
            Err(why) => self.complain(now, &format!("Not saved: {why}")),
        }
    }

    /// The file was read, or could not be.
    pub(in crate::shell) fn on_reloaded(
        &mut self,
        now: Instant,
        read: Result<Config, String>,
    ) -> Vec<Do> {
        match read.and_then(|config| self.preferences.reload(config)) {
            Ok(()) => {
                let file = self.preferences.file().map(|file| file.display().to_string());
                let text = format!("Read {}.", file.unwrap_or_else(|| "nothing".to_owned()));
                let mut todo = self.show(now, &Output::Info { text });
                todo.push(Do::Change(self.ways()));
                todo
            }
            Err(why) => self.complain(now, &format!("Nothing changed: {why}")),
        }
    }

    pub(super) fn on_preference(
        &mut self,
        now: Instant,
        preference: Preference,
        todo: &mut Vec<Do>,
    ) {
        match preference {
            Preference::Show(only) => todo.extend(self.list(now, only.as_deref())),
            Preference::Set { name, value } => self.set(now, &name, value.as_deref(), todo),
            Preference::Save => todo.extend(self.save(now)),
            Preference::Reload => {
                todo.push(Do::Reload(self.preferences.named_file().cloned()));
            }
        }
    }

    fn list(&mut self, now: Instant, only: Option<&str>) -> Vec<Do> {
        let settings = self.preferences.list(only);
        match only {
            Some(name) if settings.is_empty() && !TABLES.contains(&name) => {
                let text = format!("There is no setting '{name}': /set lists them.");
                self.complain(now, &text)
            }
            _ => self.show(now, &Output::Settings { settings }),
        }
    }

    fn set(&mut self, now: Instant, name: &str, value: Option<&str>, todo: &mut Vec<Do>) {
        let is_of_screen = name.starts_with("keys.") || name.starts_with("theme.");
        if is_of_screen && !matches!(self.face, Face::Full) {
            let text = "Keys and colours are chosen on the full screen only.";
            return todo.extend(self.complain(now, text));
        }
        let what = match value {
            Some(value) => format!("{name} = {value}"),
            None => format!("{name} is not set"),
        };
        match self.preferences.set(name, value) {
            Ok(Counts::Now) => {
                let text = format!("{what}. /save keeps it.");
                todo.extend(self.show(now, &Output::Info { text }));
                todo.push(Do::Change(self.ways()));
            }
            Ok(Counts::AtStart) => {
                let text = format!("{what} from the next start on, if /save has kept it.");
                todo.extend(self.show(now, &Output::Info { text }));
            }
            Err(why) => todo.extend(self.complain(now, &format!("Not changed: {why}."))),
        }
    }

    fn save(&mut self, now: Instant) -> Vec<Do> {
        let changes = self.preferences.changes();
        if changes.is_empty() {
            let text = "There is nothing to save: nothing was changed.".to_owned();
            return self.show(now, &Output::Info { text });
        }
        match self.preferences.file() {
            Some(file) => vec![Do::Save { file: file.clone(), changes: changes.clone() }],
            None => {
                self.complain(now, "Not saved: no home folder is known; name a file by --config.")
            }
        }
    }
}
