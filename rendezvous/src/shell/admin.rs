//! The operator's commands, beside a running server or without one.

use std::fs;
use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::path::Path;

use serde_json::{Value, json};
use wire::Secret;
use wire::app::identity::fingerprint as readable;
use wire::app::login::MAX_PASSWORD;
use wire::app::name::Name;
use wire::net::Clock;
use zeroize::Zeroizing;

use super::cli::{Cli, UserCommand};
use super::data::{DataDir, Running};
use super::import::{self, Imported, no_account};
use super::{Failure, say};
use crate::sqlite::{AccountRow, Totals};

/// `rendezvous user ...`
pub(super) fn user(cli: &Cli, command: &UserCommand) -> Result<(), Failure> {
    let now = Clock::start().unix_ms() / 1000;
    match command {
        UserCommand::List { json } => list(cli, *json, now),
        UserCommand::Add { name, password_file } => {
            let name = named(name)?;
            let password = read_password(password_file.as_deref())?;
            let (mut store, secrets) = set_up(cli)?;
            import::one(name.clone(), &password, &mut store, &secrets, now)?;
            say(format_args!("added {name}"));
            Ok(())
        }
        UserCommand::Import { file } => {
            let (mut store, secrets) = set_up(cli)?;
            let imported = import::file(file, &mut store, &secrets, now)?;
            tell_imported(file, &imported);
            if imported.bad.is_empty() {
                Ok(())
            } else {
                Err(Failure::new(format!("{} lines were not imported", imported.bad.len())))
            }
        }
        UserCommand::Del { name } => {
            let name = named(name)?;
            let mut store = DataDir::existing(cli.data.as_deref())?.open_store()?;
            if !store.delete(&name).map_err(Failure::new)? {
                return Err(no_account(&name));
            }
            say(format_args!("removed {name}"));
            Ok(())
        }
        UserCommand::Passwd { name, password_file } => {
            let name = named(name)?;
            let (mut store, secrets) = DataDir::existing(cli.data.as_deref())?.open()?;
            // Before a person types it twice in vain.
            if !store.has_account(&name).map_err(Failure::new)? {
                return Err(no_account(&name));
            }
            let password = read_password(password_file.as_deref())?;
            import::another(&name, &password, &mut store, &secrets)?;
            say(format_args!("{name} has a new password"));
            say(
                "tell its user to log in with it where the account was used before, and to choose \
                 another there by /passwd",
            );
            Ok(())
        }
        UserCommand::Unlock { name } => {
            let name = named(name)?;
            let mut store = DataDir::existing(cli.data.as_deref())?.open_store()?;
            if !store.unlock(&name).map_err(Failure::new)? {
                return Err(no_account(&name));
            }
            say(format_args!("unlocked {name}"));
            Ok(())
        }
    }
}

/// `rendezvous fingerprint`
pub(super) fn fingerprint(cli: &Cli) -> Result<(), Failure> {
    let (_, secrets) = set_up(cli)?;
    say(readable(&secrets.public_key().0));
    Ok(())
}

/// `rendezvous status`
pub(super) fn status(cli: &Cli, as_json: bool) -> Result<(), Failure> {
    let data = DataDir::existing(cli.data.as_deref())?;
    let running = data.running() == Running::Yes;
    let now = Clock::start().unix_ms() / 1000;
    let totals = data.open_store()?.totals(now).map_err(Failure::new)?;
    let Totals { accounts, devices, blocks, rooms, locks } = totals;
    let mut report = json!({
        "running": running,
        "data": data.path().display().to_string(),
        "accounts": accounts,
        "devices": devices,
        "blocks": blocks,
        "rooms": rooms,
        "locks": locks,
    });
    // What a server that no longer runs said about itself is past.
    let last = data.read_status().filter(|_| running);
    if let Some(server) = last.and_then(|text| serde_json::from_str::<Value>(&text).ok()) {
        report["server"] = server;
    }
    if as_json {
        say(report);
        return Ok(());
    }
    say(format_args!("{} in {}", if running { "running" } else { "not running" }, report["data"]));
    say(format_args!(
        "accounts {accounts}, devices {devices}, blocks {blocks}, rooms {rooms}, locks {locks}"
    ));
    if let Some(server) = report.get("server") {
        say(format_args!(
            "listening on {}, up {} s, online {}, connections {}, introductions {}, \
             bytes relayed {}",
            server["address"],
            server["uptime_seconds"],
            server["online"],
            server["connections"],
            server["introductions"],
            server["relayed"]["bytes"],
        ));
    }
    Ok(())
}

/// Says what became of an import.
pub(super) fn tell_imported(path: &Path, imported: &Imported) {
    for bad in &imported.bad {
        let _ = writeln!(io::stderr(), "{}:{}: {}", path.display(), bad.number, bad.reason);
    }
    say(format_args!("imported {} accounts from {}", imported.accounts, path.display()));
    if imported.accounts > 0 {
        say("the file still holds passwords: remove it");
    }
}

fn list(cli: &Cli, as_json: bool, now: u64) -> Result<(), Failure> {
    let store = DataDir::existing(cli.data.as_deref())?.open_store()?;
    for row in store.accounts().map_err(Failure::new)? {
        let AccountRow { name, used, devices, created, last_seen, locked_until } = row;
        let lock_seconds = locked_until.saturating_sub(now);
        if as_json {
            say(json!({
                "name": name.as_str(),
                "used": used,
                "devices": devices,
                "created": created,
                "last_seen": last_seen,
                "locked_seconds": lock_seconds,
            }));
        } else {
            let state = match (used, lock_seconds) {
                (_, 1..) => format!("locked for {lock_seconds} s"),
                (false, 0) => "not used yet".to_owned(),
                (true, 0) => format!("{devices} devices"),
            };
            say(format_args!("{name:<32} {state}"));
        }
    }
    Ok(())
}

/// A data folder with keys, made when missing: accounts may be added before the first start.
fn set_up(cli: &Cli) -> Result<(crate::sqlite::SqliteStore, crate::config::Secrets), Failure> {
    DataDir::make(cli.data.as_deref())?.open()
}

fn named(typed: &str) -> Result<Name, Failure> {
    Name::new(typed).map_err(|error| Failure::usage(format!("{typed:?}: {error}")))
}

/// From the file, from a person who does not see it, or from the first line of standard input.
fn read_password(file: Option<&Path>) -> Result<Secret<String>, Failure> {
    let text = match file {
        Some(path) => fs::read_to_string(path)
            .map_err(|error| Failure::new(format!("cannot read {}: {error}", path.display())))?,
        None if io::stdin().is_terminal() => {
            let first = Secret::new(prompt("Password: ")?);
            let second = Secret::new(prompt("Again: ")?);
            if first != second {
                return Err(Failure::new("the two passwords differ"));
            }
            return Ok(first);
        }
        None => {
            let mut line = String::new();
            let limit = MAX_PASSWORD as u64 + 2;
            let read = io::stdin().lock().take(limit).read_line(&mut line);
            read.map_err(|error| Failure::new(format!("cannot read the password: {error}")))?;
            line
        }
    };
    let text = Zeroizing::new(text);
    let line = text.split('\n').next().unwrap_or_default().trim_end_matches('\r');
    Ok(Secret::new(line.to_owned()))
}

fn prompt(text: &str) -> Result<String, Failure> {
    rpassword::prompt_password(text)
        .map_err(|error| Failure::new(format!("cannot read the password: {error}")))
}
