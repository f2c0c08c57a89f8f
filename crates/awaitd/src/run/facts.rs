//! What the command of a worker finds out about its job.

use awaitd_client::{Job, URL_VARIABLE};

/// What commands that this program runs find in their environment, whatever it runs them for; `*` stands for anything.
pub(crate) const CHILD_VARIABLES: [&str; 12] = [
    "AWAITD_QUEUE",
    "AWAITD_JOB",
    "AWAITD_ATTEMPT",
    "AWAITD_ENQUEUED_AT",
    "AWAITD_CONTENT_TYPE",
    "AWAITD_FENCE",
    "AWAITD_LEASE",
    "AWAITD_KEY",
    "AWAITD_HEADER_*",
    "AWAITD_DIED_*",
    "AWAITD_LOCK",
    "AWAITD_SEMAPHORE",
];

/// As variables of its environment.
pub(crate) fn variables(job: &Job, url: &str) -> Vec<(String, String)> {
    let (facts, lease) = (job.facts(), job.lease());
    let mut variables = Vec::new();
    // No variable can hold a zero byte; it is nothing to a reader either.
    let mut say = |name: &str, value: &str| {
        variables.push((name.to_owned(), value.replace('\0', "")));
    };
    say(URL_VARIABLE, url);
    say("AWAITD_QUEUE", &facts.queue);
    say("AWAITD_JOB", &facts.id.to_string());
    say("AWAITD_ATTEMPT", &facts.attempt.to_string());
    say("AWAITD_ENQUEUED_AT", &facts.enqueued_at);
    say("AWAITD_CONTENT_TYPE", &facts.content_type);
    say("AWAITD_FENCE", &lease.fence().to_string());
    say("AWAITD_LEASE", lease.location());
    if let Some(key) = &facts.key {
        say("AWAITD_KEY", key);
    }
    for (name, value) in &facts.headers {
        say(&header(name), value);
    }
    if let Some(died) = &facts.died {
        say("AWAITD_DIED_IN", &died.queue);
        say("AWAITD_DIED_OF", &died.reason);
        say("AWAITD_DIED_AT", &died.died_at);
        say("AWAITD_DIED_ATTEMPTS", &died.attempts.to_string());
        say("AWAITD_DIED_ERROR", died.error.as_deref().unwrap_or_default());
    }
    variables
}

/// As shells can name it.
fn header(name: &str) -> String {
    let letter = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '_' };
    let name: String = name.chars().map(letter).collect();
    format!("AWAITD_HEADER_{}", name.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shells can read it, whatever it is called.
    #[test]
    fn headers_have_names() {
        assert_eq!(header("job-tenant.id"), "AWAITD_HEADER_JOB_TENANT_ID");
    }
}
