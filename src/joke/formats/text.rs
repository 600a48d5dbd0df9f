//! Jokes in plain text.

use super::{Reason, rules::judge};

/// A joke, or several with blank lines between.
pub(super) fn jokes(text: &str, skip: &[String]) -> Vec<Result<String, Reason>> {
    let mut paragraphs = vec![String::new()];
    for line in text.lines() {
        match paragraphs.last_mut() {
            Some(last) if !line.trim().is_empty() => {
                last.push_str(line);
                last.push('\n');
            }
            _ => paragraphs.push(String::new()),
        }
    }
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    let judged = paragraphs
        .iter()
        .map(|paragraph| judge("", paragraph, skip));
    judged.collect()
}
