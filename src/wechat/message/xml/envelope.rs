//! What may stand around an encrypted message.

use super::pasted::{escape_all, escape_each};
use super::{Field, find, is_xml_char, markup, unmixed, without_forbidden};

/// What marks one message among all of an account.
const IDENTITY: [&str; 6] = [
    "ToUserName",
    "FromUserName",
    "CreateTime",
    "MsgType",
    "MsgId",
    "MsgID",
];

/// Whether what stands around an `<Encrypt>` is what WeChat puts there: in the secure mode the account's name, in the
/// compatible mode the message itself.
///
/// Whoever has seen an envelope can send it again with elements of their own, and learns whether they agree. So a
/// message's elements count only together with all that identifies it: to try one, its MsgId of 64 bits would have to
/// be guessed at once. Events have no MsgId: of an event whose user and second are known, the rest can be guessed.
///
/// Text beside the elements does not agree, nor a forbidden character outside a user's words and CDATA sections:
/// neither can be told from a layout that was tampered with.
#[must_use]
pub fn agree(body: &str, outer: &[Field<'_>], message: &[Field<'_>]) -> bool {
    let is_same = |name: &&str| find(outer, name) == find(message, name);
    let is_secure = |field: &&Field<'_>| ["ToUserName", "AgentID"].contains(&&*field.name);
    let mut beside = outer.iter().filter(|field| field.name != "Encrypt");
    let says_the_same = if beside.clone().all(|field| is_secure(&field)) {
        find(outer, "ToUserName").is_none() || is_same(&"ToUserName")
    } else {
        IDENTITY.iter().all(is_same) && beside.all(|field| message.contains(field))
    };
    says_the_same && has_clean_layout(body)
}

/// Whether no forbidden character stands outside users' words and CDATA sections.
fn has_clean_layout(xml: &str) -> bool {
    if xml.chars().all(is_xml_char) {
        return true;
    }
    let is_readable = unmixed(&escape_each(&without_forbidden(xml))).is_some();
    let escape = if is_readable { escape_each } else { escape_all };
    markup(&escape(xml)).all(|markup| markup.chars().all(is_xml_char))
}
