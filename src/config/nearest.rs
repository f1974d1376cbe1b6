//! The word that was probably meant.

/// The word of `known` nearest to `word`, where it is near enough to be a slip of the fingers: one letter in a word of up
/// to four, and a third of a longer one, is wrong, missing, too many or swapped.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let limit = match word.chars().count() {
        0..=4 => 1,
        letters => letters.div_ceil(3),
    };
    known
        .into_iter()
        .map(|candidate| (strsim::osa_distance(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= limit && *distance < candidate.chars().count())
        .min()
        .map(|(_, candidate)| candidate)
}

/// `, did you mean ...?` where something is near; otherwise what there is, where that is a short list.
pub(super) fn hint<'a>(word: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    if let Some(near) = nearest(word, known.clone()) {
        return format!("; did you mean `{near}`?");
    }
    let known: Vec<_> = known.into_iter().collect();
    match known.len() {
        0 => String::new(),
        1..=16 => format!("; known here: {}", known.join(", ")),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_near_and_another_word_is_not() {
        let known = ["starttls", "implicit", "none"];
        assert_eq!(nearest("startls", known), Some("starttls"));
        assert_eq!(nearest("STARTTLS", known), Some("starttls"));
        assert_eq!(nearest("nnoe", known), Some("none"));
        assert_eq!(nearest("ssl", known), None);
        assert_eq!(nearest("", ["a"]), None);
    }

    #[test]
    fn without_a_near_word_all_are_named() {
        assert_eq!(hint("ssl", ["starttls", "none"]), "; known here: starttls, none");
        assert_eq!(hint("ssl", []), "");
    }
}
