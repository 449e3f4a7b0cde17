//! What `madoguchi demo` tells: once, on standard output and in a private file beside the data.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::Context as _;
use serde_json::json;

use super::{DemoArgs, Made, OpenWhen, Person, role_words};

/// Where the passwords are kept for scripts, inside the data folder.
const FILE: &str = "demo-accounts.txt";

pub(super) fn nothing_done(as_json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    if as_json {
        writeln!(out, "{}", json!({ "created": false }))?;
    } else {
        writeln!(out, "The database is set up already: nothing was changed.")?;
    }
    Ok(())
}

pub(super) fn made(made: &Made, args: &DemoArgs, dir: &Path, out: &mut impl Write) -> anyhow::Result<()> {
    let file = dir.join(FILE);
    let mut text = Vec::new();
    write_text(made, args, &file, &mut text)?;
    if args.json {
        writeln!(out, "{}", as_json(made, &file))?;
    } else {
        out.write_all(&text)?;
    }
    // The passwords have been told by now: a file that cannot be written loses nothing.
    keep(&file, &text).with_context(|| format!("cannot write {}", file.display()))
}

fn keep(file: &Path, text: &[u8]) -> std::io::Result<()> {
    let _ = std::fs::remove_file(file);
    let mut kept = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    kept.write_all(text)?;
    kept.sync_all()
}

fn as_json(made: &Made, file: &Path) -> serde_json::Value {
    let account = |person: &Person| {
        json!({
            "id": person.id,
            "login": person.new.login,
            "name": person.new.name,
            "role": person.new.role,
            "password": person.password,
            "totp_secret": person.secret.as_ref().map(super::totp::Secret::base32),
            "otpauth": person.secret.as_ref().map(|s| s.otpauth_url(&person.new.login)),
        })
    };
    let desk = |d: &super::AdminDesk| json!({ "id": d.id, "slug": d.slug, "name_ja": d.name_ja });
    json!({
        "created": true,
        "accounts": made.people.iter().map(account).collect::<Vec<_>>(),
        "desks": made.desks.iter().map(desk).collect::<Vec<_>>(),
        "topics": made.topics,
        "texts": made.texts,
        "file": file,
    })
}

fn write_text(made: &Made, args: &DemoArgs, file: &Path, out: &mut impl Write) -> anyhow::Result<()> {
    let Made { people, desks, topics, texts } = made;
    writeln!(out, "Made {} desks, {topics} topics, {texts} texts, {} accounts.", desks.len(), people.len())?;
    for desk in desks {
        writeln!(out, "  {:<10} {} / {}", desk.slug, desk.name_ja, desk.name_en)?;
    }
    let open = match args.hours {
        OpenWhen::Always => "day and night (--hours office: weekdays 10:00-17:00, closed on holidays)",
        OpenWhen::Office => "on weekdays 10:00-17:00, closed on holidays (--hours always: day and night)",
    };
    writeln!(out, "The desks are open {open}.\n")?;
    writeln!(out, "{:<11} {:<20} {:<26} name, languages", "sign in as", "password", "role")?;
    for person in people {
        let languages: Vec<String> = person.new.skills.iter().filter_map(super::people::language).collect();
        let (login, password) = (&person.new.login, &person.password);
        let role = role_words(person.new.role);
        // Wide characters take two columns each; the role holds four or five of them.
        let pad = 26_usize.saturating_sub(role.chars().filter(|c| !c.is_ascii()).count());
        let line = format!("{login:<11} {password:<20} {role:<pad$} {}", person.new.name);
        writeln!(out, "{} {}", line, languages.join(" "))?;
    }
    writeln!(out, "\nThe second factor is set up already for:")?;
    for (person, secret) in people.iter().filter_map(|p| p.secret.as_ref().map(|s| (p, s))) {
        writeln!(out, "  {:<11} {}", person.new.login, secret.base32())?;
        writeln!(out, "              {}", secret.otpauth_url(&person.new.login))?;
    }
    writeln!(out, "Any authenticator app takes these, or: madoguchi totp SECRET")?;
    writeln!(out, "\nAll this is shown once and kept in {} (only you can read it).", file.display())?;
    Ok(())
}
