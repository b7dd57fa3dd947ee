//! The settings as they are: of the command line, the environment, the configuration file and what
//! was typed since. Nothing here reads or writes a file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command, ValueEnum};
use toml::Value;

use super::config::{self, Config, TABLES, Tables};
use super::hooks::Programs;
use crate::app::{Attention, AutoAway, Strangers, Switch};
use crate::command;
use crate::command::aliases::Aliases;
use crate::face::tui::{Keys, Notices, Theme};
use crate::face::units;
use crate::output::SettingLine;
use crate::transfer::Policy;

/// Settings that can change while the program runs, by their ids.
const AT_ONCE: [&str; 15] = [
    "auto_accept",
    "limit_up",
    "limit_down",
    "strangers",
    "linger",
    "on_message",
    "on_file",
    "player",
    "opener",
    "notify",
    "typing",
    "read_marks",
    "auto_away",
    "mouse",
    "classroom",
];

/// What was typed: a name as in the file (`auto-accept`, `aliases.brb`), and the value, or that there is
/// to be none.
pub(super) type Changes = BTreeMap<String, Option<String>>;

/// When a change counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counts {
    Now,
    /// From the next start on, if it was saved.
    AtStart,
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Preferences {
    /// The rules of the command line.
    command: Command,
    /// What the command line or the environment says, by the option's id.
    given: BTreeMap<String, (String, &'static str)>,
    /// The file that was named.
    named: Option<PathBuf>,
    config: Config,
    changes: Changes,
    tables: Tables,
}

impl Preferences {
    /// What a command line comes to, above a file.
    ///
    /// # Errors
    /// A text for the person.
    pub(super) fn new(
        command: Command,
        matches: &ArgMatches,
        config: Config,
    ) -> Result<Self, String> {
        let mut given = BTreeMap::new();
        for argument in config::settings(&command) {
            let id = argument.get_id().as_str();
            let from = match matches.value_source(id) {
                Some(ValueSource::CommandLine) => "command line",
                Some(ValueSource::EnvVariable) => "environment",
                _ => continue,
            };
            if let Some(value) = matches.get_raw(id).and_then(|mut values| values.next()) {
                given.insert(id.to_owned(), (value.to_string_lossy().into_owned(), from));
            }
        }
        let tables = config.tables()?;
        let named = matches.get_one::<PathBuf>("config").cloned();
        Ok(Self { command, given, named, config, changes: Changes::new(), tables })
    }

    /// The program is started anew, as it were, with the same command line and this file: what was
    /// typed and not saved is gone.
    ///
    /// # Errors
    /// A text for the person; everything stays as it is.
    pub(super) fn reload(&mut self, config: Config) -> Result<(), String> {
        self.tables = config.tables()?;
        self.config = config;
        self.changes.clear();
        Ok(())
    }

    /// The file now says what was typed.
    pub(super) fn saved(&mut self, changes: &Changes) {
        for (name, value) in changes {
            if self.changes.get(name) == Some(value) {
                self.changes.remove(name);
            }
            match (table_of(name), value) {
                (Some((table, entry)), Some(text)) => {
                    self.config.tables.insert((table, entry.to_owned()), text.clone());
                }
                (Some((table, entry)), None) => {
                    self.config.tables.remove(&(table, entry.to_owned()));
                }
                (None, value) => {
                    let Ok(option) = config::option(&self.command, name) else { continue };
                    let id = option.get_id().to_string();
                    match value {
                        Some(text) => self.config.settings.insert(id, text.clone()),
                        None => self.config.settings.remove(&id),
                    };
                }
            }
        }
    }

    /// Changes a setting, or an entry of a table. With `None` it is as if nobody had said anything.
    ///
    /// # Errors
    /// A text for the person.
    pub(super) fn set(&mut self, name: &str, value: Option<&str>) -> Result<Counts, String> {
        if let Some((table, entry)) = table_of(name) {
            return self.set_entry(table, entry, value).map(|()| Counts::Now);
        }
        let option = config::option(&self.command, name)?;
        if let Some(value) = value {
            check(option, value)?;
        }
        let id = option.get_id().as_str();
        let counts = if AT_ONCE.contains(&id) { Counts::Now } else { Counts::AtStart };
        self.changes.insert(name.to_owned(), value.map(str::to_owned));
        Ok(counts)
    }

    fn set_entry(
        &mut self,
        table: &'static str,
        entry: &str,
        value: Option<&str>,
    ) -> Result<(), String> {
        let entry = self.spelling(table, entry);
        if let Some(text) = value {
            // In a copy: what is wrong changes nothing.
            let mut tables = self.tables.clone();
            tables.put(table, &entry, text)?;
        } else if !self.entries(table).contains_key(&entry) {
            return Err(format!("there is no '{entry}' in {table}"));
        }
        self.changes.insert(format!("{table}.{entry}"), value.map(str::to_owned));
        self.tables = Tables::default();
        for table in TABLES {
            for (entry, (text, _)) in self.entries(table) {
                self.tables.put(table, &entry, &text)?;
            }
        }
        Ok(())
    }

    /// An entry as it is written where it is there already: names do not depend on upper and lower case.
    fn spelling(&self, table: &'static str, entry: &str) -> String {
        let found = self.entries(table).into_keys().find(|name| name.eq_ignore_ascii_case(entry));
        found.unwrap_or_else(|| entry.to_owned())
    }

    /// The entries of a table, each with where it comes from.
    fn entries(&self, table: &'static str) -> BTreeMap<String, (String, &'static str)> {
        let mut entries = BTreeMap::new();
        for ((of, entry), text) in &self.config.tables {
            if *of == table {
                entries.insert(entry.clone(), (text.clone(), "configuration file"));
            }
        }
        for (name, value) in &self.changes {
            match (table_of(name), value) {
                (Some((of, entry)), Some(text)) if of == table => {
                    entries.insert(entry.to_owned(), (text.clone(), "typed"));
                }
                (Some((of, entry)), None) if of == table => {
                    entries.remove(entry);
                }
                _ => {}
            }
        }
        entries
    }

    /// What was typed and is in no file.
    pub(super) const fn changes(&self) -> &Changes {
        &self.changes
    }

    /// Where the file is, or would be.
    pub(super) const fn file(&self) -> Option<&PathBuf> {
        self.config.file.as_ref()
    }

    /// The file that was named on the command line or in the environment.
    pub(super) const fn named_file(&self) -> Option<&PathBuf> {
        self.named.as_ref()
    }

    /// The names of all settings, for completion.
    pub(super) fn names(&self) -> Vec<String> {
        let names = config::settings(&self.command).filter_map(Arg::get_long);
        names.map(str::to_owned).collect()
    }

    /// All of them: those whose name is `only` or begins with it and a dash, or stands in the table of
    /// that name, if it is given.
    pub(super) fn list(&self, only: Option<&str>) -> Vec<SettingLine> {
        let is_wanted = |name: &str| {
            let table = table_of(name).map(|(table, _)| table);
            only.is_none_or(|only| {
                let begins = name.strip_prefix(only).is_some_and(|rest| rest.starts_with('-'));
                name.eq_ignore_ascii_case(only) || begins || table == Some(only)
            })
        };
        let line = |option: &Arg| {
            let name = option.get_long()?.to_owned();
            let (value, from) = self.value_of(option).unzip();
            Some(SettingLine { name, value, from })
        };
        let options = config::settings(&self.command).filter_map(line);
        let entries = TABLES.into_iter().flat_map(|table| {
            self.entries(table).into_iter().map(move |(entry, (value, from))| SettingLine {
                name: format!("{table}.{entry}"),
                value: Some(value),
                from: Some(from),
            })
        });
        options.chain(entries).filter(|line| is_wanted(&line.name)).collect()
    }

    /// All of them as a configuration file, each with where it comes from.
    pub(super) fn print(&self) -> String {
        let file = self.file().filter(|file| file.exists());
        let file = file.map_or("none".to_owned(), |file| file.display().to_string());
        let mut text = format!("# The settings of peer as they are. Configuration file: {file}\n");
        for option in config::settings(&self.command) {
            let name = option.get_long().unwrap_or_default();
            match self.value_of(option) {
                Some((value, from)) if config::is_flag(option) => {
                    text.push_str(&format!("{name} = {value}  # {from}\n"));
                }
                Some((value, from)) => {
                    text.push_str(&format!("{name} = {}  # {from}\n", Value::String(value)));
                }
                None => text.push_str(&format!("# {name} =\n")),
            }
        }
        for table in TABLES {
            let entries = self.entries(table);
            if !entries.is_empty() {
                text.push_str(&format!("\n[{table}]\n"));
            }
            for (entry, (line, _)) in entries {
                text.push_str(&format!("{} = {}\n", key(&entry), Value::String(line)));
            }
        }
        text
    }

    /// The value of an option, and where it comes from.
    fn value_of(&self, option: &Arg) -> Option<(String, &'static str)> {
        let id = option.get_id().as_str();
        let by_default = || {
            let value = option.get_default_values().first()?.to_string_lossy().into_owned();
            Some((value, "default"))
        };
        match self.changes.get(option.get_long()?) {
            Some(Some(value)) => return Some((value.clone(), "typed")),
            Some(None) => return by_default(),
            None => {}
        }
        if let Some((value, from)) = self.given.get(id) {
            return Some((value.clone(), from));
        }
        match self.config.settings.get(id) {
            Some(value) => Some((value.clone(), "configuration file")),
            None => by_default(),
        }
    }

    fn value(&self, name: &str) -> Option<String> {
        self.value_of(config::option(&self.command, name).ok()?).map(|(value, _)| value)
    }

    /// Which files are taken without asking, and how fast files go.
    pub(super) fn files(&self) -> Policy {
        let size = |name| units::parse_size(&self.value(name)?).ok();
        Policy {
            auto_accept: size("auto-accept"),
            limit_up: size("limit-up"),
            limit_down: size("limit-down"),
        }
    }

    /// What strangers may do.
    pub(super) fn strangers(&self) -> Strangers {
        let value = self.value("strangers").unwrap_or_default();
        Strangers::from_str(&value, false).unwrap_or_default()
    }

    /// Seconds to wait at the end of standard input when nothing moves.
    pub(super) fn linger(&self) -> u64 {
        self.value("linger").and_then(|value| value.parse().ok()).unwrap_or_default()
    }

    /// The programs that are called.
    pub(super) fn programs(&self) -> Programs {
        let program = |name| self.value(name).map(PathBuf::from);
        Programs { on_message: program("on-message"), on_file: program("on-file") }
    }

    /// The program that plays files.
    pub(super) fn player(&self) -> PathBuf {
        self.value("player").unwrap_or_default().into()
    }

    /// The program that opens files.
    pub(super) fn opener(&self) -> PathBuf {
        self.value("opener").unwrap_or_default().into()
    }

    /// How the person is called when he looks elsewhere.
    pub(super) fn notices(&self) -> Notices {
        let chosen = self.value("notify").map(|value| Notices::parse(&value));
        chosen.and_then(Result::ok).unwrap_or_default()
    }

    /// What is told and shown of attention.
    pub(super) fn attention(&self) -> Attention {
        Attention { typing: self.switch("typing"), read_marks: self.switch("read-marks") }
    }

    /// After how long others see the person as away.
    pub(super) fn auto_away(&self) -> AutoAway {
        let chosen = self.value("auto-away").map(|value| AutoAway::parse(&value));
        chosen.and_then(Result::ok).unwrap_or_default()
    }

    /// Whether the full screen takes the mouse.
    pub(super) fn mouse(&self) -> Switch {
        self.switch("mouse")
    }

    fn switch(&self, name: &str) -> Switch {
        let chosen = self.value(name).map(|value| Switch::parse(&value));
        chosen.and_then(Result::ok).unwrap_or_default()
    }

    /// How commands are written.
    pub(super) fn style(&self) -> command::Style {
        let is_classroom = self.value("classroom").is_some_and(|value| value == "true");
        if is_classroom { command::Style::Classroom } else { command::Style::Slash }
    }

    pub(super) const fn aliases(&self) -> &Aliases {
        &self.tables.aliases
    }

    pub(super) const fn keys(&self) -> &Keys {
        &self.tables.keys
    }

    pub(super) const fn theme(&self) -> Theme {
        self.tables.theme
    }
}

/// `aliases.brb`: the table and the entry.
fn table_of(name: &str) -> Option<(&'static str, &str)> {
    let (table, entry) = name.split_once('.')?;
    let table = TABLES.into_iter().find(|known| table.eq_ignore_ascii_case(known))?;
    (!entry.is_empty()).then_some((table, entry))
}

/// An entry's name as TOML writes it.
pub(super) fn key(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !name.is_empty() && name.chars().all(is_bare) {
        name.to_owned()
    } else {
        Value::String(name.to_owned()).to_string()
    }
}

/// Whether the option takes this value.
fn check(option: &Arg, value: &str) -> Result<(), String> {
    let name = option.get_long().unwrap_or_default();
    if config::is_flag(option) {
        let is_either = matches!(value, "true" | "false");
        return if is_either { Ok(()) } else { Err(format!("'{name}' is either true or false")) };
    }
    // Alone, so that nothing else is looked at.
    let option = option.clone().env(None::<&str>);
    let typed = [format!("--{name}={value}")];
    let checked = Command::new("set").no_binary_name(true).arg(option).try_get_matches_from(typed);
    checked.map(|_| ()).map_err(|error| super::cli::first_paragraph(&error.render().to_string()))
}

#[cfg(test)]
pub(super) mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::shell::cli::Cli;

    /// What this command line comes to, above this file.
    pub(in crate::shell) fn preferences(arguments: &[&str], file: &str) -> Preferences {
        let command = Cli::command();
        let config = Config::parse(file, &command).unwrap();
        let config = Config { file: Some(PathBuf::from("/x/peer.toml")), ..config };
        // What whoever runs the tests has in his environment is of no interest.
        let rules = config.beneath(command.clone()).mut_args(|argument| argument.env(None::<&str>));
        let words = ["peer"].iter().chain(arguments);
        let matches = rules.try_get_matches_from(words).unwrap();
        Preferences::new(command, &matches, config).unwrap()
    }

    fn shown(preferences: &Preferences, name: &str) -> String {
        let lines = preferences.list(Some(name));
        let line = |line: SettingLine| match (line.value, line.from) {
            (Some(value), Some(from)) => format!("{} = {value} ({from})", line.name),
            other => format!("{} {other:?}", line.name),
        };
        lines.into_iter().map(line).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn what_is_typed_goes_before_the_command_line_and_that_before_the_file() {
        let mut all = preferences(&["--linger", "7"], "linger = 5\nauto-accept = \"1M\"\n");
        assert_eq!(shown(&all, "linger"), "linger = 7 (command line)");
        assert_eq!(shown(&all, "auto-accept"), "auto-accept = 1M (configuration file)");
        assert_eq!(shown(&all, "udp"), "udp = 0 (default)");
        assert_eq!(shown(&all, "bind"), "bind (None, None)");
        assert_eq!((all.linger(), all.files().auto_accept), (7, Some(1_000_000)));
        assert_eq!(all.strangers(), Strangers::Ask);
        assert_eq!(all.set("strangers", Some("talk")), Ok(Counts::Now));
        assert_eq!(all.strangers(), Strangers::Talk);

        assert_eq!(all.set("linger", Some("9")), Ok(Counts::Now));
        assert_eq!(all.set("auto-accept", None), Ok(Counts::Now));
        assert_eq!(all.set("udp", Some("6000")), Ok(Counts::AtStart));
        assert_eq!(shown(&all, "LINGER"), "linger = 9 (typed)");
        assert_eq!((all.linger(), all.files().auto_accept), (9, None));
        assert_eq!(all.list(None).len(), all.names().len());

        // Saved, it is of the file; read again, only the command line goes before that.
        let changes = all.changes().clone();
        all.saved(&changes);
        assert_eq!(shown(&all, "linger"), "linger = 7 (command line)");
        assert_eq!(shown(&all, "udp"), "udp = 6000 (configuration file)");
        assert_eq!(all.files().auto_accept, None);
        assert!(all.changes().is_empty());
        all.set("udp", Some("7000")).unwrap();
        all.reload(Config::parse("classroom = true\n", &Cli::command()).unwrap()).unwrap();
        assert_eq!(shown(&all, "udp"), "udp = 0 (default)");
        assert_eq!(all.style(), command::Style::Classroom);
    }

    #[test]
    fn what_was_typed_while_it_was_being_saved_is_not_lost() {
        let mut all = preferences(&[], "");
        all.set("linger", Some("1")).unwrap();
        let changes = all.changes().clone();
        all.set("linger", Some("2")).unwrap();
        all.saved(&changes);
        assert_eq!((all.linger(), all.changes().len()), (2, 1));
    }

    #[test]
    fn values_are_those_of_the_command_line() {
        let mut all = preferences(&[], "");
        for (name, value, word) in [
            ("auto-accept", "lots", "lots"),
            ("udp", "70000", "65535"),
            ("classroom", "perhaps", "true or false"),
            ("strangers", "come in", "ask, talk"),
            ("log-level", "x", "no setting"),
            ("register", "true", "no setting"),
            ("theme.warning", "reddish", "reddish"),
            ("theme.x", "red", "no part"),
            ("keys.x", "/who", "no key"),
            ("aliases.who", "/msg", "there is a command"),
        ] {
            let error = all.set(name, Some(value)).unwrap_err();
            assert!(error.contains(word) && !error.contains('\n'), "{name} {value}: {error}");
        }
        assert!(all.set("aliases.nothing", None).is_err());
        assert!(all.changes().is_empty());
    }

    #[test]
    fn words_and_keys_come_and_go() {
        let mut all = preferences(&[], "[aliases]\nHi = \"/msg bob hi\"\n[keys]\nf5 = \"/who\"\n");
        all.set("aliases.hi", Some("/msg carol hi")).unwrap();
        all.set("aliases.ho", Some("/who")).unwrap();
        all.set("keys.F5", None).unwrap();
        assert_eq!(
            shown(&all, "aliases"),
            "aliases.Hi = /msg carol hi (typed); aliases.ho = /who (typed)"
        );
        assert_eq!((shown(&all, "keys"), all.keys()), (String::new(), &Keys::default()));
        let mut expected = Aliases::default();
        expected.add("hi", "/msg carol hi").unwrap();
        expected.add("ho", "/who").unwrap();
        assert_eq!(all.aliases(), &expected);
        // As they are in the file, so that they are changed there.
        assert_eq!(all.changes().get("keys.f5"), Some(&None));
        let changes = all.changes().clone();
        all.saved(&changes);
        assert_eq!(all.aliases(), &expected);
        assert!(shown(&all, "aliases").contains("aliases.ho = /who (configuration file)"));
    }

    /// What `--print-config` prints is such a file.
    #[test]
    fn it_is_printed_as_a_file() {
        let mut all =
            preferences(&["--udp", "7"], "user = \"alice\"\n[keys]\n\"Alt-.\" = \"/who\"\n");
        all.set("theme.own", Some("light-red")).unwrap();
        let text = all.print();
        for line in [
            "udp = \"7\"  # command line",
            "user = \"alice\"  # configuration file",
            "linger = \"30\"  # default",
            "# data =",
            "\"Alt-.\" = \"/who\"",
            "own = \"light-red\"",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
        let read = Config::parse(&text, &Cli::command()).unwrap();
        assert_eq!(read.tables().unwrap(), all.tables);
    }
}
