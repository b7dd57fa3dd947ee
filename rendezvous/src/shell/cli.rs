//! The command line.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::builder::BoolishValueParser;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use manual::Page;
use manual::settings::{self, Rules};
use wire::time::Duration;

use crate::config::{Mailbox, Policy, Registration, Relaying};
use crate::lockout::{LONGEST_LOCK, LockoutPolicy};
use crate::rooms::Lobby;
use crate::source::AddressLog;

/// Port of a server that is not told another.
pub(super) const DEFAULT_PORT: u16 = 5000;

/// The server that introduces Tincan peers to each other.
///
/// It learns who is online, who asks for whom or leaves him a letter, and who is in which room, and never
/// sees a password, a message or a file.
#[derive(Debug, Parser)]
#[command(name = "rendezvous", version, args_conflicts_with_subcommands = false)]
pub(super) struct Cli {
    /// What else to do than to serve
    #[command(subcommand)]
    pub(super) command: Option<Command>,

    /// Folder for accounts and keys [default: rendezvous in the user's data folder]
    #[arg(long, value_name = "DIR", global = true, env = "TINCAN_RENDEZVOUS_DATA")]
    pub(super) data: Option<PathBuf>,

    /// Configuration file, TOML, whose keys are these options; SIGHUP reads it anew
    #[arg(long, value_name = "FILE", global = true, env = "TINCAN_RENDEZVOUS_CONFIG")]
    pub(super) config: Option<PathBuf>,

    #[command(flatten)]
    pub(super) serve: Serve,
}

/// Options that are no settings: they say what to do this time.
const ONCE: [&str; 4] = ["config", "import_credentials", "help", "version"];

/// Why there is nothing to run.
#[derive(Debug)]
pub(super) enum Stop {
    /// Help or version were asked for, or the arguments make no sense.
    Clap(clap::Error),
    /// The configuration file makes none.
    Configuration(String),
}

impl Cli {
    /// Takes the command line apart, and the file that it names.
    pub(super) fn read(arguments: &[OsString]) -> Result<Self, Stop> {
        let plain = Self::try_parse_from(arguments).map_err(Stop::Clap)?;
        let Some(file) = &plain.config else { return Ok(plain) };
        let command = Self::command();
        let settings = configuration(file, &command).map_err(Stop::Configuration)?;
        let matches = settings::beneath(command, &settings).try_get_matches_from(arguments);
        matches.and_then(|matches| Self::from_arg_matches(&matches)).map_err(Stop::Clap)
    }
}

/// What a file may set.
pub(super) const fn rules(command: &clap::Command) -> Rules<'_> {
    Rules { command, once: &ONCE }
}

fn configuration(file: &Path, command: &clap::Command) -> Result<BTreeMap<String, String>, String> {
    let text = settings::read(file)?;
    let text = text.ok_or_else(|| settings::of_file(file, "there is no such file"))?;
    let rules = rules(command);
    let read = || -> Result<_, String> {
        let table = settings::table(&text)?;
        table.iter().map(|(key, value)| rules.setting(key, value)).collect()
    };
    read().map_err(|error| settings::of_file(file, &error))
}

/// How to serve.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub(super) struct Serve {
    /// Address and UDP port to listen on; port 0 picks one [default: all addresses, port 5000]
    #[arg(long, value_name = "ADDRESS:PORT", env = "TINCAN_RENDEZVOUS_BIND")]
    pub(super) bind: Option<String>,

    /// Lock an account's password login after so many failures (1 to 5)
    #[arg(long, value_name = "1-5", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=5), env = "TINCAN_RENDEZVOUS_MAX_FAILED")]
    max_failed: u32,

    /// Length of the first lock; each further failure doubles it, up to five minutes (300)
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=i64::from(LONGEST_LOCK)), env = "TINCAN_RENDEZVOUS_LOCK_SECONDS")]
    lock_seconds: u32,

    /// Before serving, make an account for each line "user password" of this file
    #[arg(long, value_name = "FILE")]
    pub(super) import_credentials: Option<PathBuf>,

    /// Greeting shown to everyone who logs in
    #[arg(long, value_name = "TEXT", default_value = "", env = "TINCAN_RENDEZVOUS_MOTD")]
    motd: String,

    /// Whether anyone may make an account
    #[arg(
        long,
        value_name = "yes|no",
        default_value = "yes",
        env = "TINCAN_RENDEZVOUS_OPEN_REGISTRATION"
    )]
    open_registration: Choice,

    /// Have a room "lobby", in which everybody is from the first login on (1024 of those online);
    /// without this it is shut
    #[arg(long, env = "TINCAN_RENDEZVOUS_LOBBY", value_parser = BoolishValueParser::new())]
    lobby: bool,

    /// For how many days letters to users who are not there are kept; 0 for none
    #[arg(long, visible_alias = "mailbox-ttl", value_name = "DAYS", default_value_t = 21,
        value_parser = clap::value_parser!(u64).range(..=365), env = "TINCAN_RENDEZVOUS_MAILBOX_DAYS")]
    mailbox_days: u64,

    /// Most letters kept for one user (at least 64), each counted once for every 4 KB of it; a quarter of them
    /// of one sender, and of all together to whom the user has never written and whom he has not asked for
    ///
    /// One of these alone may leave half of what is for all of them. The longest message, 64 KiB, counts as 16
    /// letters. With less than 121, it does not go into the mailbox of somebody who does not know its
    /// sender, and waits at its sender's until both are there.
    #[arg(long, value_name = "LETTERS", default_value_t = 128,
        value_parser = clap::value_parser!(u64).range(Mailbox::SMALLEST..=10_000), env = "TINCAN_RENDEZVOUS_MAILBOX_QUOTA")]
    mailbox_quota: u64,

    /// Log out whose user did nothing for so long, such as 30m, 8h or 7d; at least 1m
    ///
    /// Without this nobody is logged out. Typed keys, commands and running transfers are doing something,
    /// what others say is not. Who was logged out comes back when he asks for it, not by himself.
    #[arg(long, value_name = "DURATION", value_parser = idle_timeout, env = "TINCAN_RENDEZVOUS_IDLE_TIMEOUT")]
    idle_timeout: Option<Duration>,

    /// Whether to carry what two users say to each other, sealed, when no direct way joins them
    #[arg(long, value_name = "yes|no", default_value = "yes", env = "TINCAN_RENDEZVOUS_RELAY")]
    relay: Choice,

    /// Most kilobytes a second that one user may send that way
    #[arg(long, visible_alias = "relay-quota", value_name = "KB", default_value_t = 2000,
        value_parser = clap::value_parser!(u64).range(1..=10_000_000), env = "TINCAN_RENDEZVOUS_RELAY_RATE")]
    relay_rate: u64,

    /// What to log: error, warn, info, debug, trace, or a filter of tracing
    #[arg(long, value_name = "LEVEL", default_value = "info", env = "TINCAN_LOG")]
    pub(super) log: String,

    /// Log to this file instead of standard error; SIGHUP opens it anew
    #[arg(long, value_name = "FILE", env = "TINCAN_RENDEZVOUS_LOG_FILE")]
    pub(super) log_file: Option<PathBuf>,

    /// Show only the network part of clients' addresses in the log
    #[arg(long, env = "TINCAN_RENDEZVOUS_MASK_ADDRESSES", value_parser = BoolishValueParser::new())]
    mask_addresses: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Choice {
    #[value(alias = "on")]
    Yes,
    #[value(alias = "off")]
    No,
}

/// Longest time that can be asked for.
const LONGEST_IDLE: u64 = 365 * 86_400;

/// A number of seconds, minutes, hours or days.
fn idle_timeout(typed: &str) -> Result<Duration, String> {
    const FORM: &str = "a number with s, m, h or d behind it, such as 30m";
    let digits = typed.trim_end_matches(|unit: char| !unit.is_ascii_digit());
    let unit = match &typed[digits.len()..] {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(FORM.to_owned()),
    };
    let count: u64 = digits.parse().map_err(|_| FORM)?;
    match count.saturating_mul(unit) {
        ..60 => Err("at least a minute, 1m".to_owned()),
        seconds @ 60..=LONGEST_IDLE => Ok(Duration::from_secs(seconds)),
        _ => Err("at most a year, 365d".to_owned()),
    }
}

impl Serve {
    /// Which options differ from those of `before` and count from the next start on only.
    pub(super) fn needs_restart(&self, before: &Self) -> Vec<&'static str> {
        let differ = [
            ("--bind", self.bind != before.bind),
            ("--lobby", self.lobby != before.lobby),
            ("--idle-timeout", self.idle_timeout != before.idle_timeout),
            ("--log", self.log != before.log),
            ("--log-file", self.log_file != before.log_file),
        ];
        differ.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }

    pub(super) fn policy(&self) -> Policy {
        Policy {
            registration: match self.open_registration {
                Choice::Yes => Registration::Open,
                Choice::No => Registration::Closed,
            },
            lockout: LockoutPolicy { max_failed: self.max_failed, lock_seconds: self.lock_seconds },
            motd: self.motd.clone(),
            lobby: if self.lobby { Lobby::open() } else { Lobby::Shut },
            mailbox: Mailbox::of(self.mailbox_quota, self.mailbox_days * 86_400),
            relaying: match self.relay {
                Choice::Yes => Relaying::UpTo { bytes_per_second: self.relay_rate * 1000 },
                Choice::No => Relaying::Off,
            },
            idle_timeout: self.idle_timeout,
            address_log: if self.mask_addresses { AddressLog::Masked } else { AddressLog::Full },
            ..Policy::default()
        }
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Accounts, of a running or stopped server
    #[command(subcommand)]
    User(UserCommand),
    /// What a running server does, or what a stopped one has stored
    Status {
        /// As one JSON object
        #[arg(long)]
        json: bool,
    },
    /// The fingerprint of the server's key, by which users recognise it
    Fingerprint,
    /// Print a manual page, in roff: rendezvous man | man -l -
    Man {
        /// Which one: of the program, or of its configuration file
        #[arg(default_value = "program")]
        page: Page,
    },
    /// Print the script that completes this command line in a shell
    Completions {
        /// Whose script
        shell: manual::Shell,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// List all accounts
    List {
        /// As one JSON object per line
        #[arg(long)]
        json: bool,
    },
    /// Make an account; the password is asked for, or read from standard input
    Add {
        /// The user's name
        name: String,
        /// Read the password from the first line of this file
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
    /// Remove an account; a running server ends its session within a second
    Del {
        /// The user's name
        name: String,
    },
    /// Give an account a new password, for a user who forgot it; asked for as by add
    ///
    /// A running server ends the account's session within a second, and lets none of its devices in
    /// without the new password. All else of the account stays, but for its keys: they lay at the server
    /// sealed under the password before, which nobody can open. They are still on the machines where the
    /// account was used, unless its user has logged out there. On one of these he logs in with the new
    /// password, and chooses another by /passwd: that seals the keys anew. On other machines he cannot
    /// log in before.
    Passwd {
        /// The user's name
        name: String,
        /// Read the password from the first line of this file
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
    /// Let an account's user try passwords again at once
    Unlock {
        /// The user's name
        name: String,
    },
    /// Make an account for each line "user password" of a file
    Import {
        /// The file
        file: PathBuf,
    },
}

#[cfg(test)]
mod tests {
    use wire::app::letter::MAX_UNITS;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        for arguments in [
            ["rendezvous", "--max-failed", "0"],
            ["rendezvous", "--max-failed", "6"],
            ["rendezvous", "--lock-seconds", "0"],
            ["rendezvous", "--lock-seconds", "301"],
            ["rendezvous", "--open-registration", "perhaps"],
            ["rendezvous", "--relay-rate", "0"],
            ["rendezvous", "--mailbox-quota", "63"],
        ] {
            let error = Cli::try_parse_from(arguments).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains(arguments[1]), "{error}");
        }
    }

    #[test]
    fn other_words_mean_the_same() {
        let read = |words: [&str; 7]| Cli::try_parse_from(words).unwrap().serve;
        let serve =
            read(["rendezvous", "--relay", "off", "--relay-quota", "9", "--mailbox-ttl", "7"]);
        assert_eq!((serve.relay, serve.relay_rate, serve.mailbox_days), (Choice::No, 9, 7));
        let serve =
            read(["rendezvous", "--relay", "on", "--relay-rate", "8", "--mailbox-days", "6"]);
        assert_eq!((serve.relay, serve.relay_rate, serve.mailbox_days), (Choice::Yes, 8, 6));
    }

    /// [W-185]: the longest text goes into the smallest mailbox, and of a stranger into the usual one.
    #[test]
    fn a_mailbox_has_room_for_the_longest_text() {
        let mailbox = |quota: &str| {
            let cli = Cli::try_parse_from(["rendezvous", "--mailbox-quota", quota]).unwrap();
            cli.serve.policy().mailbox
        };
        let longest = MAX_UNITS as u64;
        let smallest = mailbox("64");
        assert_eq!((smallest.letters, smallest.letters_of_one), (64, longest));
        assert!(smallest.letters_of_a_stranger() < longest);
        assert!(mailbox("120").letters_of_a_stranger() < longest);
        assert_eq!(mailbox("121").letters_of_a_stranger(), longest);
        assert_eq!(Mailbox::default().letters_of_a_stranger(), longest);
    }

    #[test]
    fn a_time_has_its_unit_behind_it_and_is_neither_too_short_nor_too_long() {
        for (typed, seconds) in
            [("60s", 60), ("1m", 60), ("90s", 90), ("8h", 28_800), ("365d", LONGEST_IDLE)]
        {
            let cli = Cli::try_parse_from(["rendezvous", "--idle-timeout", typed]).unwrap();
            assert_eq!(cli.serve.policy().idle_timeout, Some(Duration::from_secs(seconds)));
        }
        let none = Cli::try_parse_from(["rendezvous"]).unwrap();
        assert_eq!(none.serve.policy().idle_timeout, None, "off when nobody asks for it");
        for typed in [
            "59s",
            "0m",
            "366d",
            "30",
            "m",
            "",
            "-5m",
            "1.5h",
            "5 m",
            "5ms",
            "99999999999999999999d",
        ] {
            let option = format!("--idle-timeout={typed}");
            let error = Cli::try_parse_from(["rendezvous", &option]).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{typed}");
            assert!(error.to_string().contains("--idle-timeout"), "{error}");
        }
    }

    #[test]
    fn a_file_stands_beneath_the_command_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rendezvous.toml");
        let read = |text: &str, more: &[&str]| {
            std::fs::write(&file, text).unwrap();
            let words = ["rendezvous", "--config", file.to_str().unwrap()];
            let arguments: Vec<OsString> =
                words.iter().chain(more).map(|word| OsString::from(*word)).collect();
            Cli::read(&arguments)
        };
        let text = "motd = \"hello\"\nmax-failed = 2\nlobby = true\ndata = \"d\"\n";
        let cli = read(text, &["--max-failed", "3"]).unwrap();
        assert_eq!((cli.serve.motd.as_str(), cli.serve.max_failed), ("hello", 3));
        assert_eq!((cli.serve.lobby, cli.data), (true, Some(PathBuf::from("d"))));
        for (text, word) in [
            ("motto = \"x\"", "motto"),
            ("import-credentials = \"x\"", "import-credentials"),
            ("\nmotd = ", "line 2"),
        ] {
            let Err(Stop::Configuration(error)) = read(text, &[]) else { panic!("{text}") };
            assert!(error.contains(word) && !error.contains('\n'), "{text}: {error}");
        }
        let Err(Stop::Clap(error)) = read("max-failed = 6", &[]) else { panic!("six") };
        assert_eq!(error.exit_code(), 2);
        std::fs::remove_file(&file).unwrap();
        let gone = Cli::read(&["rendezvous".into(), "--config".into(), file.clone().into()]);
        assert!(matches!(gone, Err(Stop::Configuration(_))));
        let before = read("", &[]).unwrap().serve;
        let after = read("motd = \"x\"\nlobby = true\nbind = \"[::1]:0\"", &[]).unwrap().serve;
        assert_eq!(after.needs_restart(&before), ["--bind", "--lobby"]);
    }

    #[test]
    fn a_lobby_is_there_when_asked_for() {
        let policy = |arguments: &[&str]| Cli::try_parse_from(arguments).unwrap().serve.policy();
        assert_eq!(policy(&["rendezvous"]).lobby, Lobby::Shut);
        assert_eq!(policy(&["rendezvous", "--lobby"]).lobby, Lobby::open());
    }

    #[test]
    fn a_subcommand_takes_the_data_folder_before_or_after_it() {
        for arguments in [
            ["rendezvous", "--data", "d", "user", "list"],
            ["rendezvous", "user", "list", "--data", "d"],
        ] {
            let cli = Cli::try_parse_from(arguments).unwrap();
            assert_eq!(cli.data, Some(PathBuf::from("d")));
        }
    }
}
