//! The tables, and how an older file gets them.

use rusqlite::Connection;

/// `TINC`: tells our files from those of other programs.
const APPLICATION_ID: i32 = 0x5449_4e43;

/// One step for each version of the schema; a file of version `n` has had the first `n`. Steps
/// that were released never change.
pub(super) const STEPS: [&str; 19] = [
    "
    CREATE TABLE profiles (
        id INTEGER PRIMARY KEY,
        server TEXT NOT NULL,
        name TEXT NOT NULL,
        device BLOB NOT NULL,
        token_secret BLOB NOT NULL,
        identity_secret BLOB,
        certificate TEXT,
        UNIQUE (server, name)
    ) STRICT;

    CREATE TABLE servers (
        address TEXT PRIMARY KEY,
        key BLOB NOT NULL,
        token BLOB
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE contacts (
        profile INTEGER NOT NULL,
        name TEXT NOT NULL,
        identity BLOB,
        generation INTEGER NOT NULL,
        blocked INTEGER NOT NULL,
        PRIMARY KEY (profile, name)
    ) STRICT, WITHOUT ROWID;

    -- The number of the next message to each user: never goes back, so that no number is used
    -- twice even when messages are given up.
    CREATE TABLE sequences (
        profile INTEGER NOT NULL,
        peer TEXT NOT NULL,
        next INTEGER NOT NULL,
        PRIMARY KEY (profile, peer)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE messages (
        id INTEGER PRIMARY KEY,
        profile INTEGER NOT NULL,
        peer TEXT NOT NULL,
        -- 0 queued, 1 delivered, 2 failed, 3 incoming
        state INTEGER NOT NULL,
        why TEXT,
        -- Of the sender, when incoming.
        identity BLOB,
        device BLOB,
        sequence INTEGER NOT NULL,
        nonce BLOB NOT NULL,
        -- When the sender says it was typed.
        sent INTEGER NOT NULL,
        -- When it was typed here or arrived here, and when it was delivered.
        at INTEGER NOT NULL,
        delivered_at INTEGER,
        body TEXT NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX outgoing ON messages (profile, peer, sequence) WHERE state <> 3;
    CREATE UNIQUE INDEX incoming ON messages (profile, identity, device, sequence)
        WHERE state = 3;
    CREATE INDEX queued ON messages (profile, peer, sequence) WHERE state = 0;
    CREATE INDEX conversation ON messages (profile, peer, id);

    CREATE VIRTUAL TABLE words USING fts5 (
        body, content = 'messages', content_rowid = 'id',
        tokenize = 'unicode61 remove_diacritics 2'
    );
    CREATE TRIGGER indexed AFTER INSERT ON messages BEGIN
        INSERT INTO words (rowid, body) VALUES (new.id, new.body);
    END;

    CREATE TABLE transfers (
        id INTEGER PRIMARY KEY,
        profile INTEGER NOT NULL,
        -- 0 sending, 1 receiving
        direction INTEGER NOT NULL,
        transfer BLOB NOT NULL,
        peer TEXT NOT NULL,
        name TEXT NOT NULL,
        path BLOB,
        size INTEGER NOT NULL,
        media_type TEXT NOT NULL,
        root BLOB NOT NULL,
        at INTEGER NOT NULL,
        -- 0 offered, 1 running, 2 complete, 3 declined, 4 cancelled, 5 cancelled by the peer
        state INTEGER NOT NULL,
        -- Why it was cancelled: 0 user, 1 source gone, 2 source changed, 3 corrupt
        reason INTEGER,
        paused INTEGER NOT NULL,
        UNIQUE (profile, direction, transfer)
    ) STRICT;
",
    "
    -- An account belongs to the key of its server, not to one of the names by which it is reached.
    -- Of two profiles that turn out to be one account's, the older one stays.
    CREATE TABLE keyed (
        id INTEGER PRIMARY KEY,
        server BLOB NOT NULL,
        name TEXT NOT NULL,
        device BLOB NOT NULL,
        token_secret BLOB NOT NULL,
        identity_secret BLOB,
        certificate TEXT,
        UNIQUE (server, name)
    ) STRICT;
    INSERT OR IGNORE INTO keyed
        SELECT id, key, name, device, token_secret, identity_secret, certificate
        FROM profiles JOIN servers ON address = server ORDER BY id;
    DROP TABLE profiles;
    ALTER TABLE keyed RENAME TO profiles;
",
    "
    -- What is said in rooms: `peer` is the room then (`#` and its id), `sequence` counts per author's
    -- device, whose own posts have `identity` and `device` too.
    ALTER TABLE messages ADD COLUMN author TEXT;
    ALTER TABLE messages ADD COLUMN epoch INTEGER;
    ALTER TABLE messages ADD COLUMN previous BLOB;
    ALTER TABLE messages ADD COLUMN signature BLOB;
    DROP INDEX outgoing;
    DROP INDEX incoming;
    DROP INDEX queued;
    CREATE UNIQUE INDEX outgoing ON messages (profile, peer, sequence)
        WHERE author IS NULL AND state <> 3;
    CREATE UNIQUE INDEX incoming ON messages (profile, identity, device, sequence)
        WHERE author IS NULL AND state = 3;
    CREATE INDEX queued ON messages (profile, peer, sequence) WHERE author IS NULL AND state = 0;
    CREATE UNIQUE INDEX posts ON messages (profile, peer, identity, device, sequence)
        WHERE author IS NOT NULL;
    CREATE INDEX pending ON messages (profile, peer, sequence)
        WHERE author IS NOT NULL AND state = 0;

    -- A room as the server said last, as JSON.
    CREATE TABLE rooms (
        profile INTEGER NOT NULL,
        id BLOB NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (profile, id)
    ) STRICT, WITHOUT ROWID;

    -- When the file was found to be a copy: own posts are numbered from there on.
    CREATE TABLE copies (at INTEGER NOT NULL) STRICT;

    -- How far each member is with the own posts in a room.
    CREATE TABLE reached (
        profile INTEGER NOT NULL,
        room BLOB NOT NULL,
        member TEXT NOT NULL,
        joined INTEGER NOT NULL,
        upto INTEGER NOT NULL,
        PRIMARY KEY (profile, room, member)
    ) STRICT, WITHOUT ROWID;
",
    "
    -- A message of state 4 lies in the receiver's mailbox, and waits here too.
    DROP INDEX queued;
    CREATE INDEX queued ON messages (profile, peer, sequence)
        WHERE author IS NULL AND state IN (0, 4);

    -- Private halves of the keys that were left at the server for letters.
    CREATE TABLE prekeys (
        profile INTEGER NOT NULL,
        id INTEGER NOT NULL,
        secret BLOB NOT NULL,
        -- Whether it serves for one letter, or for a week.
        once INTEGER NOT NULL,
        made INTEGER NOT NULL,
        PRIMARY KEY (profile, id)
    ) STRICT, WITHOUT ROWID;
",
    "
    -- Whether the person has compared the identity, and which other one is shown since.
    ALTER TABLE contacts ADD COLUMN verified INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE contacts ADD COLUMN shown BLOB;
    ALTER TABLE contacts ADD COLUMN shown_generation INTEGER NOT NULL DEFAULT 0;
",
    "
    -- What a message is to another one: 0 nothing, 1 answers it, 2 edits it, 3 takes it back; and
    -- which one that is, as its sender names it, and as a line here where it is known (answers only).
    ALTER TABLE messages ADD COLUMN kind INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE messages ADD COLUMN about_device BLOB;
    ALTER TABLE messages ADD COLUMN about_sequence INTEGER;
    ALTER TABLE messages ADD COLUMN about_nonce BLOB;
    ALTER TABLE messages ADD COLUMN about_line INTEGER;
    -- The newest text, where it was edited, and the number of the edit.
    ALTER TABLE messages ADD COLUMN text TEXT;
    ALTER TABLE messages ADD COLUMN edited_by INTEGER NOT NULL DEFAULT 0;
    -- Nothing is left of its text.
    ALTER TABLE messages ADD COLUMN taken_back INTEGER NOT NULL DEFAULT 0;
    -- No line of the history.
    ALTER TABLE messages ADD COLUMN hidden INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX changes ON messages
        (profile, peer, about_nonce, about_sequence, kind, hidden) WHERE kind >= 2;
    DROP TRIGGER indexed;
    CREATE TRIGGER indexed AFTER INSERT ON messages WHEN new.hidden = 0 BEGIN
        INSERT INTO words (rowid, body) VALUES (new.id, new.body);
    END;
    -- What is no longer to be found does not stay in the index either.
    INSERT INTO words (words, rank) VALUES ('secure-delete', 1);
",
    "
    -- Of a file that is offered to all members of a room: what it is called among them, and the room.
    ALTER TABLE transfers ADD COLUMN share BLOB;
    ALTER TABLE transfers ADD COLUMN room BLOB;
",
    "
    -- What calls the person in a conversation, where something was chosen: 0 everything, 1 what names
    -- him, 2 nothing. A room is `#` and its id.
    CREATE TABLE calls (
        profile INTEGER NOT NULL,
        talk TEXT NOT NULL,
        level INTEGER NOT NULL,
        PRIMARY KEY (profile, talk)
    ) STRICT, WITHOUT ROWID;
",
    "
    -- How far the person has read what each device of another user said: its last message, and the
    -- line of the history up to which it was looked for.
    CREATE TABLE read_here (
        profile INTEGER NOT NULL,
        peer TEXT NOT NULL,
        device BLOB NOT NULL,
        sequence INTEGER NOT NULL,
        nonce BLOB NOT NULL,
        line INTEGER NOT NULL,
        PRIMARY KEY (profile, peer, device)
    ) STRICT, WITHOUT ROWID;

    -- How far others have read what was said to them here.
    CREATE TABLE read_there (
        profile INTEGER NOT NULL,
        peer TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        PRIMARY KEY (profile, peer)
    ) STRICT, WITHOUT ROWID;
",
    "
    -- Whether a user may talk here: 0 a stranger, 1 a contact, 2 declined, and when; and what became of
    -- asking him: 0 nothing, 1 asked, 2 accepted.
    ALTER TABLE contacts ADD COLUMN standing INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE contacts ADD COLUMN declined_at INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE contacts ADD COLUMN asking INTEGER NOT NULL DEFAULT 0;
    -- With whom there was anything before, he is no stranger.
    INSERT OR IGNORE INTO contacts (profile, name, generation, blocked)
        SELECT profile, peer, 0, 0 FROM messages WHERE author IS NULL
        UNION SELECT profile, peer, 0, 0 FROM transfers WHERE share IS NULL;
    UPDATE contacts SET standing = 1 WHERE verified
        OR EXISTS (SELECT 1 FROM messages
            WHERE messages.profile = contacts.profile AND peer = name AND author IS NULL)
        OR EXISTS (SELECT 1 FROM transfers
            WHERE transfers.profile = contacts.profile AND peer = contacts.name AND share IS NULL);
    UPDATE contacts SET asking = 2 WHERE EXISTS (SELECT 1 FROM messages
        WHERE messages.profile = contacts.profile AND peer = name AND author IS NULL AND state = 3);

    -- Strangers who ask to talk.
    CREATE TABLE requests (
        profile INTEGER NOT NULL,
        peer TEXT NOT NULL,
        at INTEGER NOT NULL,
        -- The first file that is offered.
        file TEXT,
        PRIMARY KEY (profile, peer)
    ) STRICT, WITHOUT ROWID;

    -- What they say, as it came. No line of the history, and no word of the search.
    CREATE TABLE held (
        id INTEGER PRIMARY KEY,
        profile INTEGER NOT NULL,
        peer TEXT NOT NULL,
        identity BLOB NOT NULL,
        device BLOB NOT NULL,
        sequence INTEGER NOT NULL,
        after INTEGER NOT NULL,
        nonce BLOB NOT NULL,
        sent INTEGER NOT NULL,
        at INTEGER NOT NULL,
        body TEXT NOT NULL,
        kind INTEGER NOT NULL,
        about_device BLOB,
        about_sequence INTEGER,
        about_nonce BLOB
    ) STRICT;
    CREATE UNIQUE INDEX held_once ON held (profile, identity, device, sequence);
    CREATE INDEX held_of ON held (profile, peer, id);
",
    "
    -- Whether what a user says is not shown as it comes, and which of his files are taken without
    -- asking: those of at most so many bytes, -1 all of them; NULL is as usual.
    ALTER TABLE contacts ADD COLUMN ignored INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE contacts ADD COLUMN auto_accept INTEGER;

    -- Lines of conversations as their person reads them: the newest text of each, and nothing of what
    -- somebody whom he blocks or ignores said in a room.
    CREATE VIEW shown AS
        SELECT peer, state, why, at, coalesce(text, body) AS said, id, sequence, author,
            text IS NOT NULL OR kind = 2 AS edited, taken_back, about_line,
            sequence <= (
                SELECT sequence FROM read_there
                WHERE profile = messages.profile AND peer = messages.peer
            ) AS is_read,
            profile
        FROM messages
        WHERE hidden = 0 AND NOT EXISTS (
            SELECT 1 FROM contacts
            WHERE profile = messages.profile AND name = author AND (blocked OR ignored)
        );
",
    "
    -- Whether the file still grows, so that its size and its root are not known.
    ALTER TABLE transfers ADD COLUMN growing INTEGER NOT NULL DEFAULT 0;
  ",
    "
    -- Of a folder: how many files are in it. Of a file of one: the folder's transfer, and where it is in it.
    ALTER TABLE transfers ADD COLUMN files INTEGER;
    ALTER TABLE transfers ADD COLUMN folder BLOB;
    ALTER TABLE transfers ADD COLUMN folder_path TEXT;
    CREATE INDEX parts ON transfers (profile, folder) WHERE folder IS NOT NULL;
",
    "
    -- What a user is called here.
    ALTER TABLE contacts ADD COLUMN nickname TEXT;
",
    "
    -- What the headers of a film say, as offers do (postcard), and how many bytes came in a second.
    ALTER TABLE transfers ADD COLUMN media BLOB;
    ALTER TABLE transfers ADD COLUMN rate INTEGER NOT NULL DEFAULT 0;
",
    "
    -- Whether the account's keys are here alone, and whether they are kept only for that: the account is not
    -- the one that is logged in here.
    ALTER TABLE profiles ADD COLUMN only_here INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE profiles ADD COLUMN set_aside INTEGER NOT NULL DEFAULT 0;
",
    "
    -- Since when who was asked to talk has not answered.
    ALTER TABLE contacts ADD COLUMN asked_at INTEGER NOT NULL DEFAULT 0;
    UPDATE contacts SET asked_at = 1000 * unixepoch() WHERE asking = 1;
",
    "
    -- Of what is said in rooms: what its text is checked by, also when it is gone (`nonce` is its salt, empty
    -- then), and of an answer, whose it answers. What an answer names by `about_line` 0 is not here.
    ALTER TABLE messages ADD COLUMN digest BLOB;
    ALTER TABLE messages ADD COLUMN about_identity BLOB;
    -- What was said before was signed otherwise: it stays as lines, and nobody is given it any more.
    UPDATE messages SET identity = NULL, device = NULL,
            why = CASE state WHEN 0 THEN 'an earlier version of this program said it' ELSE why END,
            state = CASE state WHEN 0 THEN 2 ELSE state END
        WHERE author IS NOT NULL;
    DELETE FROM reached;
    CREATE INDEX post_changes ON messages (profile, peer, identity, device, about_sequence, kind, sequence)
        WHERE author IS NOT NULL AND kind >= 2;
    -- Those of them whose text is not gone: at most one edit of each post, however often it is edited.
    CREATE INDEX post_texts ON messages (profile, peer, identity, device, about_sequence, kind, sequence)
        WHERE author IS NOT NULL AND kind >= 2 AND nonce <> x'';
    CREATE INDEX post_answers ON messages (profile, peer, about_sequence, about_nonce)
        WHERE author IS NOT NULL AND kind = 1 AND about_line = 0;
",
    "
    -- Up to where the own posts were left in each member's mailbox.
    ALTER TABLE reached ADD COLUMN letters INTEGER NOT NULL DEFAULT 0;
",
];

/// How the program that had the file before has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LastEnd {
    Clean,
    /// It was killed, or the machine went down: the whole file is looked at.
    Unclean,
}

/// Brings the file to the present schema, or says why it is left alone.
pub(super) fn prepare(connection: &mut Connection, end: LastEnd) -> Result<(), String> {
    let text = |error: rusqlite::Error| {
        if is_damage(&error) { damaged(&error.to_string()) } else { error.to_string() }
    };
    if end == LastEnd::Unclean
        && let Some(finding) = damage(connection).map_err(text)?
    {
        return Err(damaged(&finding));
    }
    let transaction = connection.transaction().map_err(text)?;
    let version = owned_version(&transaction).map_err(text)??;
    for step in STEPS.iter().skip(version) {
        transaction.execute_batch(step).map_err(text)?;
    }
    if version < STEPS.len() {
        transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(text)?;
        transaction.pragma_update(None, "user_version", STEPS.len() as i64).map_err(text)?;
    }
    transaction.commit().map_err(text)
}

/// What is to be said of a damaged file: what, why, and what to do.
pub(super) fn damaged(finding: &str) -> String {
    format!(
        "the database is damaged, or is none ({finding}): the disk failed, or another program wrote \
         to it. Bring the whole data folder back from a backup, or move it away and begin anew: \
         '/login' with the password brings the account back, but neither the messages nor the \
         transfers kept here"
    )
}

/// Whether the file is at fault, and not the disk's room or rights.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt)
    )
}

/// The first thing that is wrong with the file.
fn damage(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    Ok((found != "ok").then_some(found))
}

/// The schema's version: 0 for an empty file; an error for one that is not ours to touch.
pub(super) fn owned_version(connection: &Connection) -> rusqlite::Result<Result<usize, String>> {
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    let application = number("PRAGMA application_id")?;
    let version = number("PRAGMA user_version")?;
    if tables == 0 {
        return Ok(Ok(0));
    }
    if application != i64::from(APPLICATION_ID) {
        return Ok(Err("it belongs to another program".to_owned()));
    }
    match usize::try_from(version) {
        Ok(known) if (1..=STEPS.len()).contains(&known) => Ok(Ok(known)),
        _ => Ok(Err(format!(
            "it was written by a newer version of this program (schema {version}, this version \
             knows {}): update, or use another data folder",
            STEPS.len()
        ))),
    }
}
