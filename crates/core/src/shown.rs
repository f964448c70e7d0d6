//! Which characters of a text that came from elsewhere people are not shown as they are: callsigns, talker aliases, names in
//! recordings. Owns the set; whether such a character is left out, replaced or escaped is the matter of whoever shows it.
//! Source: Unicode Standard Annex 9 (bidirectional formatting) and chapter 23.2 (layout controls).

/// Whether a terminal would obey `c`, or it turns, joins or hides the text around it, or is itself not to be seen: controls,
/// separators of lines, bidirectional and other invisible formatting, selectors of variants, fillers. Letters of scripts
/// that run from right to left are none of these, though digits behind them are shown before them.
pub const fn is_hidden(c: char) -> bool {
    matches!(c,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}'
        | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_hidden_and_what_names_are_written_with_is_not() {
        assert!((0..=u32::from(char::MAX)).filter_map(char::from_u32).all(|c| !c.is_control() || is_hidden(c)));
        assert!(
            "\u{202e}\u{2066}\u{200f}\u{61c}\u{feff}\u{200b}\u{2028}\u{e0041}\u{3164}\u{fe0f}".chars().all(is_hidden)
        );
        assert!(!"M0TST Köln Łódź Αθήνα Москва 東京 القاهرة \u{a0}\u{fffd}🎙".chars().any(is_hidden));
    }
}
