//! `madoguchi totp`: the code of this moment, for whoever tries the demo without a phone.

use std::io::Write;

use clap::Args;

use crate::security::totp::{self, Secret};

/// Options of `madoguchi totp`.
#[derive(Args, Clone, Debug)]
pub struct TotpArgs {
    /// The secret in base 32, as `madoguchi demo` prints it.
    secret: String,
}

/// Prints the code.
///
/// # Errors
/// When the secret is none.
pub fn run(args: &TotpArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let secret = Secret::from_base32(&args.secret)
        .ok_or_else(|| anyhow::anyhow!("this is not a secret: 32 letters A-Z and digits 2-7 are wanted"))?;
    writeln!(out, "{}", secret.code(totp::step_of(super::world().0.now())))?;
    Ok(())
}
