//! What a client shows to be let in. It is told to the server alone: no text, error or `Debug` of this crate has it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use reqwest::header::HeaderValue;

use crate::error::{Error, Result};

/// The variable with the token.
pub const TOKEN_VARIABLE: &str = "AWAITD_TOKEN";

/// The variable that says in which file the token is.
pub const TOKEN_FILE_VARIABLE: &str = "AWAITD_TOKEN_FILE";

/// Where a token comes from.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    /// It was given; `Debug` says no more of it than that.
    Given(HeaderValue),
    /// A file, which is read again when the server no longer knows what was in it.
    File(PathBuf),
}

/// A token, as it is sent.
pub(crate) struct Token {
    header: RwLock<HeaderValue>,
    file: Option<PathBuf>,
}

impl Origin {
    /// This text.
    pub(crate) fn given(text: &str) -> Result<Self> {
        header(text, "the token").map(Self::Given)
    }

    /// What the environment says; it says nothing if the variables are empty.
    pub(crate) fn of_env() -> Result<Option<Self>> {
        let said = |name| env::var_os(name).filter(|value| !value.is_empty());
        match (said(TOKEN_VARIABLE), said(TOKEN_FILE_VARIABLE)) {
            (None, None) => Ok(None),
            (None, Some(file)) => Ok(Some(Self::File(file.into()))),
            (Some(text), None) => match text.to_str() {
                Some(text) => header(text, TOKEN_VARIABLE).map(Self::Given).map(Some),
                None => Err(unfit(TOKEN_VARIABLE)),
            },
            (Some(_), Some(_)) => {
                let both =
                    format!("{TOKEN_VARIABLE} and {TOKEN_FILE_VARIABLE} are both set: unset one");
                Err(Error::Input(both))
            }
        }
    }

    pub(crate) fn token(self) -> Result<Token> {
        match self {
            Self::Given(header) => Ok(Token { header: RwLock::new(header), file: None }),
            Self::File(file) => Ok(Token { header: RwLock::new(read(&file)?), file: Some(file) }),
        }
    }
}

impl Token {
    /// As `Authorization`.
    pub(crate) fn header(&self) -> HeaderValue {
        self.header.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The server knows nobody by what was sent: reads the file once more, and says whether another token is in it
    /// now.
    pub(crate) fn renewed(&self, sent: &HeaderValue) -> bool {
        let Some(Ok(header)) = self.file.as_deref().map(read) else { return false };
        let renewed = header != *sent;
        *self.header.write().unwrap_or_else(PoisonError::into_inner) = header;
        renewed
    }
}

/// The token in a file, without the new line that most editors leave at the end.
fn read(file: &Path) -> Result<HeaderValue> {
    let wrong = |error: &dyn std::fmt::Display| {
        Error::Input(format!("the token's file, {}: {error}", file.display()))
    };
    let text = fs::read_to_string(file).map_err(|error| wrong(&error))?;
    header(&text, "it").map_err(|error| wrong(&error))
}

fn header(text: &str, what: &str) -> Result<HeaderValue> {
    let text = text.trim_end_matches(['\r', '\n']);
    let visible = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !visible {
        return Err(unfit(what));
    }
    let mut header = HeaderValue::try_from(format!("Bearer {text}")).map_err(|_| unfit(what))?;
    header.set_sensitive(true);
    Ok(header)
}

/// What is wrong is said without saying what is there.
fn unfit(what: &str) -> Error {
    Error::Input(format!("{what} is no token: one is a line of visible ASCII, such as awd_…"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A token is nobody's business but the server's.
    #[test]
    fn a_token_is_not_shown() {
        let origin = Origin::given("awd_secret\n").unwrap();
        assert!(!format!("{origin:?}").contains("secret"), "{origin:?}");
        let header = origin.token().unwrap().header();
        assert_eq!((header.as_bytes(), header.is_sensitive()), (&b"Bearer awd_secret"[..], true));
        for wrong in ["", "\n", "awd_secret awd_secret", "awd_secret\nmore", "sécret"] {
            let error = Origin::given(wrong).unwrap_err().to_string();
            assert!(error.contains("the token is no token") && !error.contains("cret"), "{error}");
        }
    }
}
