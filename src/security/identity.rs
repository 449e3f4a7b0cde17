//! Who is asking, as the session middleware found it, and the extractors that demand a right.
//!
//! A handler that names one of the extractors cannot be reached without that right; there is no other
//! place where rights are checked.

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::kernel::ids::{AccountId, DeskId, PoolId, SessionId};
use crate::kernel::problem::Problem;

/// A text that is none of the words of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown word")]
pub struct UnknownWord;

/// What a person is here to do. Every account has exactly one role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Answers inquirers.
    Agent,
    /// An agent who also watches, helps and moves the queue.
    Supervisor,
    /// Sets the desk up; sees no content of cases.
    Administrator,
    /// The commissioning office: figures without people.
    Officer,
}

impl Role {
    pub const ALL: [Self; 4] = [Self::Agent, Self::Supervisor, Self::Administrator, Self::Officer];

    /// The text in the database and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Supervisor => "supervisor",
            Self::Administrator => "administrator",
            Self::Officer => "officer",
        }
    }

    /// Whether this role takes contacts and sees cases.
    #[must_use]
    pub const fn answers(self) -> bool {
        matches!(self, Self::Agent | Self::Supervisor)
    }

    /// Whether this role may see the figures of the board.
    #[must_use]
    pub const fn sees_figures(self) -> bool {
        matches!(self, Self::Agent | Self::Supervisor | Self::Officer)
    }

    /// Whether this role signs in with a second factor whatever the settings say.
    #[must_use]
    pub const fn needs_second_factor(self) -> bool {
        matches!(self, Self::Supervisor | Self::Administrator)
    }
}

impl std::str::FromStr for Role {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(UnknownWord)
    }
}

/// How far a sign-in has come. Only [`Stage::Done`] opens anything but `/session`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The password was right; a code of the second factor is awaited.
    Totp,
    /// The password was made by somebody else and must be replaced first.
    ChangePassword,
    /// A second factor is required and not set up yet.
    EnrolTotp,
    Done,
}

impl Stage {
    pub const ALL: [Self; 4] = [Self::Totp, Self::ChangePassword, Self::EnrolTotp, Self::Done];

    /// The text in the database and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::ChangePassword => "change_password",
            Self::EnrolTotp => "enrol_totp",
            Self::Done => "done",
        }
    }
}

impl std::str::FromStr for Stage {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == text).ok_or(UnknownWord)
    }
}

/// The person behind a request. Put into the request's extensions by the session middleware; read fresh
/// from the store for each request, so a changed role or a closed account takes effect at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub account: AccountId,
    pub pool: PoolId,
    pub role: Role,
    /// The name that colleagues see. Never logged.
    pub name: String,
    /// `ja` or `en`.
    pub ui_language: String,
    /// Desks the person serves.
    pub desks: Vec<DeskId>,
    pub session: SessionId,
    pub stage: Stage,
}

impl Identity {
    /// This identity, when the sign-in is complete.
    ///
    /// # Errors
    /// 403 `second_factor_needed` or `password_change_needed`.
    pub fn complete(self) -> Result<Self, Problem> {
        match self.stage {
            Stage::Done => Ok(self),
            Stage::Totp | Stage::EnrolTotp => {
                Err(Problem::new(StatusCode::FORBIDDEN, "second_factor_needed"))
            }
            Stage::ChangePassword => Err(Problem::new(StatusCode::FORBIDDEN, "password_change_needed")),
        }
    }

    fn of(parts: &Parts) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(Problem::sign_in_first)
    }

    fn with_right(parts: &Parts, right: impl FnOnce(Role) -> bool) -> Result<Self, Problem> {
        let me = Self::of(parts)?.complete()?;
        if right(me.role) { Ok(me) } else { Err(Problem::forbidden()) }
    }
}

macro_rules! extractors {
    ($($(#[$doc:meta])* $name:ident = $prove:expr;)*) => {$(
        $(#[$doc])*
        ///
        /// Refuses with 401 `sign_in_first`, or 403 `forbidden`, `second_factor_needed` or
        /// `password_change_needed`.
        #[derive(Clone, Debug)]
        pub struct $name(pub Identity);

        impl<S: Send + Sync> FromRequestParts<S> for $name {
            type Rejection = Problem;
            async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
                let prove: fn(&Parts) -> Result<Identity, Problem> = $prove;
                prove(parts).map($name)
            }
        }
    )*};
}

extractors! {
    /// Anyone with a session, however far the sign-in has come. For `/session` alone.
    SignedIn = |parts| Identity::of(parts);
    /// Any person who is fully signed in.
    Staff = |parts| Identity::with_right(parts, |_| true);
    /// An agent or a supervisor: may see cases.
    Agent = |parts| Identity::with_right(parts, Role::answers);
    /// A supervisor.
    Supervisor = |parts| Identity::with_right(parts, |role| role == Role::Supervisor);
    /// An administrator.
    Administrator = |parts| Identity::with_right(parts, |role| role == Role::Administrator);
    /// Whoever may see figures: officer, agent, supervisor. Not the administrator.
    OfficerOrAbove = |parts| Identity::with_right(parts, Role::sees_figures);
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    fn parts(role: Role, stage: Stage) -> Parts {
        let (mut parts, ()) = Request::new(()).into_parts();
        parts.extensions.insert(Identity {
            account: AccountId(1),
            pool: PoolId(1),
            role,
            name: "N".to_owned(),
            ui_language: "ja".to_owned(),
            desks: Vec::new(),
            session: SessionId(1),
            stage,
        });
        parts
    }

    async fn code<E: FromRequestParts<(), Rejection = Problem>>(mut parts: Parts) -> &'static str {
        E::from_request_parts(&mut parts, &()).await.map_or_else(|p| p.code, |_| "in")
    }

    #[tokio::test]
    async fn each_extractor_lets_in_whom_it_names() {
        for role in Role::ALL {
            let done = || parts(role, Stage::Done);
            let may = |yes: bool| if yes { "in" } else { "forbidden" };
            assert_eq!(code::<Staff>(done()).await, "in");
            assert_eq!(code::<Agent>(done()).await, may(matches!(role, Role::Agent | Role::Supervisor)));
            assert_eq!(code::<Supervisor>(done()).await, may(role == Role::Supervisor));
            assert_eq!(code::<Administrator>(done()).await, may(role == Role::Administrator));
            assert_eq!(code::<OfficerOrAbove>(done()).await, may(role != Role::Administrator));
        }
    }

    #[tokio::test]
    async fn a_sign_in_that_is_not_complete_opens_nothing() {
        for (stage, refusal) in [
            (Stage::Totp, "second_factor_needed"),
            (Stage::EnrolTotp, "second_factor_needed"),
            (Stage::ChangePassword, "password_change_needed"),
        ] {
            let early = || parts(Role::Supervisor, stage);
            assert_eq!(code::<Staff>(early()).await, refusal);
            assert_eq!(code::<Supervisor>(early()).await, refusal);
            assert_eq!(code::<SignedIn>(early()).await, "in");
        }
        let (nobody, ()) = Request::new(()).into_parts();
        assert_eq!(code::<SignedIn>(nobody.clone()).await, "sign_in_first");
        assert_eq!(code::<Staff>(nobody).await, "sign_in_first");
    }

    #[test]
    fn words_survive_the_round_trip() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
        }
        for stage in Stage::ALL {
            assert_eq!(stage.as_str().parse(), Ok(stage));
            assert_eq!(serde_json::to_value(stage).unwrap(), stage.as_str());
        }
        assert!("root".parse::<Role>().is_err());
    }
}
