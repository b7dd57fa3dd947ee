//! Writing what was typed into the configuration file: the rest of it stays as it is, comments and
//! all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use toml_edit::{DocumentMut, Item, Table, TableLike, Value};

use super::config::TABLES;
use super::preferences::Changes;

/// Changes the file, or makes it. Whoever reads it meanwhile sees it as it was or as it will be.
///
/// # Errors
/// A text for the person.
pub(super) fn save(file: &Path, changes: &Changes) -> Result<(), String> {
    let wrong = |why: &str| format!("configuration {}: {why}", file.display());
    let failed = |error: io::Error| wrong(&error.to_string());
    // Where it is a link (people keep such files elsewhere), what it leads to is written.
    let real = match file.canonicalize() {
        Ok(real) => real,
        Err(error) if error.kind() == io::ErrorKind::NotFound => file.to_owned(),
        Err(error) => return Err(failed(error)),
    };
    let before = match fs::read_to_string(&real) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(failed(error)),
    };
    let after = edited(&before, changes).map_err(|why| wrong(&why))?;
    replace(&real, &after).map_err(failed)
}

fn replace(file: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut name = file.as_os_str().to_owned();
    name.push(".new");
    let fresh = Path::new(&name);
    let mut written = File::create(fresh)?;
    if let Ok(found) = fs::metadata(file) {
        written.set_permissions(found.permissions())?;
    }
    let done = written.write_all(text.as_bytes()).and_then(|()| written.sync_all());
    done.and_then(|()| fs::rename(fresh, file)).inspect_err(|_| {
        // What is half written is of no use to anybody.
        let _ = fs::remove_file(fresh);
    })
}

/// The text of the file with these changes.
fn edited(text: &str, changes: &Changes) -> Result<String, String> {
    let mut document: DocumentMut =
        text.parse().map_err(|error: toml_edit::TomlError| error.message().replace('\n', " "))?;
    for (name, value) in changes {
        match name.split_once('.').filter(|(table, _)| TABLES.contains(table)) {
            Some((table, entry)) => {
                let new = || Item::Table(Table::new());
                let item = document.entry(table).or_insert_with(new);
                let table = item.as_table_like_mut().ok_or(format!("'{table}' is no table"))?;
                let value = value.as_ref().map(|text| Value::from(text.as_str()));
                put(table, entry, value);
            }
            None => put(document.as_table_mut(), name, value.as_ref().map(|text| plain(text))),
        }
    }
    Ok(document.to_string())
}

fn put(table: &mut dyn TableLike, key: &str, value: Option<Value>) {
    let Some(mut value) = value else {
        table.remove(key);
        return;
    };
    match table.get_mut(key).and_then(Item::as_value_mut) {
        Some(before) => {
            // The comment behind it stays.
            *value.decor_mut() = before.decor().clone();
            *before = value;
        }
        None => drop(table.insert(key, Item::Value(value))),
    }
}

/// As a person would write it.
fn plain(text: &str) -> Value {
    match (text, text.parse::<i64>()) {
        ("true", _) => true.into(),
        ("false", _) => false.into(),
        (_, Ok(number)) if number.to_string() == text => number.into(),
        _ => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn changes(list: &[(&str, Option<&str>)]) -> Changes {
        list.iter().map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned))).collect()
    }

    #[test]
    fn comments_and_order_stay() {
        let before = "# mine\nudp = 6000   # the open port\nplain = false\n\n[aliases] # words\n\
                      # a greeting\nhi = \"/msg bob hi\" # often\nho = \"x\"\n";
        let changes = changes(&[
            ("udp", Some("7000")),
            ("plain", None),
            ("linger", Some("5")),
            ("auto-accept", Some("500M")),
            ("classroom", Some("true")),
            ("aliases.hi", Some("/msg carol \"hi\"")),
            ("aliases.ho", None),
            ("keys.Alt-.", Some("/who")),
        ]);
        let after = edited(before, &changes).unwrap();
        assert_eq!(
            after,
            "# mine\nudp = 7000   # the open port\nauto-accept = \"500M\"\nclassroom = true\n\
             linger = 5\n\n[aliases] # words\n# a greeting\nhi = '/msg carol \"hi\"' # often\n\n\
             [keys]\n\"Alt-.\" = \"/who\"\n"
        );
        // It is read as it was meant.
        let command = <crate::shell::cli::Cli as clap::CommandFactory>::command();
        let config = crate::shell::config::Config::parse(&after, &command).unwrap();
        assert_eq!(config.settings.get("linger").map(String::as_str), Some("5"));
        let hi = config.tables.get(&("aliases", "hi".to_owned()));
        assert_eq!(hi.map(String::as_str), Some("/msg carol \"hi\""));
    }

    #[test]
    fn a_table_may_be_written_in_any_way() {
        let changes = changes(&[("aliases.hi", Some("/who")), ("aliases.no", None)]);
        for before in ["aliases = { no = \"x\" }\n", "aliases.no = \"x\"\n"] {
            let after = edited(before, &changes).unwrap();
            assert!(after.contains("hi = \"/who\"") && !after.contains("no"), "{after}");
        }
        assert!(edited("aliases = 1\n", &changes).unwrap_err().contains("no table"));
        assert!(edited("udp = ", &changes).is_err());
    }

    #[test]
    fn the_file_is_replaced_as_a_whole_also_behind_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("a/peer.toml"), folder.path().join("link.toml"));
        save(&file, &changes(&[("linger", Some("5"))])).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "linger = 5\n");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        symlink(&file, &link).unwrap();
        save(&link, &changes(&[("linger", Some("6"))])).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "linger = 6\n");
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let entries = fs::read_dir(folder.path().join("a")).unwrap().count();
        assert_eq!(entries, 1, "nothing is left beside it");
        // What is no configuration is left alone.
        fs::write(&file, "rubbish").unwrap();
        assert!(save(&file, &changes(&[("linger", Some("7"))])).is_err());
        assert_eq!(fs::read_to_string(&file).unwrap(), "rubbish");
        let nowhere = Path::new("/dev/null/peer.toml");
        assert!(save(nowhere, &Changes::new()).unwrap_err().contains("/dev/null"));
    }
}
