//! Guards against what whisper is known to invent: endless loops, and lines of subtitles' credits over noise.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;

/// A text that compresses better than this repeats itself (`compression_ratio_threshold` of openai/whisper).
pub const COMPRESSION: f32 = 2.4;

/// The longest repeated part, tokens.
const LONGEST_PERIOD: usize = 32;

/// The fewest tokens of a loop, and how often its part comes at least.
const SHORTEST_LOOP: usize = 24;
const FEWEST_TURNS: usize = 4;

/// How many bytes of the text become one when compressed.
pub fn compression_ratio(text: &str) -> f32 {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    let compressed = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish());
    text.len() as f32 / compressed.map_or(1, |bytes| bytes.len().max(1)) as f32
}

/// Whether the answer so far ends in a loop: one part of at most 32 tokens, four times and more, over 24 tokens and more.
/// Sampling stops there instead of running to the end of the context.
pub fn is_loop(tokens: &[u32]) -> bool {
    loop_turns(tokens, SHORTEST_LOOP).is_some()
}

/// The period of the loop at the end, and how often it turns.
fn loop_turns<T: PartialEq>(items: &[T], shortest: usize) -> Option<(usize, usize)> {
    (1..=LONGEST_PERIOD.min(items.len() / FEWEST_TURNS)).find_map(|period| {
        let same = items.iter().rev().zip(items.iter().rev().skip(period)).take_while(|(a, b)| a == b).count();
        let turns = same / period + 1;
        (turns >= FEWEST_TURNS && same + period >= shortest).then_some((period, turns))
    })
}

/// Which words remain when loops are cut to one turn: a part of at most 32 words that comes four times and more in a row, over
/// at least `SHORTEST_WORD_LOOP` words. Words are compared without case and marks.
pub fn without_loops(words: &[&str]) -> Vec<usize> {
    const SHORTEST_WORD_LOOP: usize = 8;
    let plain: Vec<String> = words
        .iter()
        .map(|word| word.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect())
        .collect();
    let mut kept = Vec::with_capacity(words.len());
    let mut at = 0;
    while at < words.len() {
        let longest = LONGEST_PERIOD.min((words.len() - at) / FEWEST_TURNS);
        let found = (1..=longest).find_map(|period| {
            let rest = &plain[at..];
            let same = rest.iter().zip(&rest[period..]).take_while(|(a, b)| a == b).count();
            let turns = same / period + 1;
            (turns >= FEWEST_TURNS && period * turns >= SHORTEST_WORD_LOOP).then_some((period, turns))
        });
        if let Some((period, turns)) = found {
            kept.extend(at..at + period);
            at += period * turns;
        } else {
            kept.push(at);
            at += 1;
        }
    }
    kept
}

/// Lines that whisper learnt from the credits of subtitles and writes over noise, without case and marks: what users report in
/// openai/whisper's discussion 679, McCloudS/subgen's issue 21, amicalhq/amical's issue 71 and others.
const CREDITS: &[&str] = &[
    "subtitles by the amaraorg community",
    "thanks for watching",
    "thank you for watching",
    "please subscribe to my channel",
    "dont forget to like and subscribe",
    "transcription by castingwords",
    "untertitel der amaraorgcommunity",
    "untertitel im auftrag des zdf für funk 2017",
    "soustitres réalisés par la communauté damaraorg",
    "soustitrage société radiocanada",
    "merci davoir regardé cette vidéo",
    "subtítulos realizados por la comunidad de amaraorg",
    "gracias por ver el video",
    "legendas pela comunidade amaraorg",
    "sottotitoli creati dalla comunità amaraorg",
    "ondertitels ingediend door de amaraorg gemeenschap",
    "napisy stworzone przez społeczność amaraorg",
    "продолжение следует",
    "субтитры сделал dimatorzok",
    "редактор субтитров асемкин корректор аегорова",
    "ご視聴ありがとうございました",
    "字幕由amaraorg社区提供",
    "请不吝点赞订阅转发打赏支持明镜与点点栏目",
    "시청해주셔서 감사합니다",
    "mbc 뉴스 이덕영입니다",
    "altyazı mk",
];

/// Whether a text is one of the lines that whisper writes over noise.
pub fn is_credit(text: &str) -> bool {
    let kept = text.chars().filter(|letter| letter.is_alphanumeric() || letter.is_whitespace());
    let plain: String = kept.flat_map(char::to_lowercase).collect();
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    CREDITS.contains(&plain.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_repeats_itself_compresses_well_and_speech_does_not() {
        let speech = "it was the best of times, it was the worst of times, it was the age of wisdom";
        assert!(compression_ratio(speech) < COMPRESSION);
        assert!(compression_ratio(&"Thank you. ".repeat(20)) > COMPRESSION);
        assert!(compression_ratio("") < 1.0);
    }

    #[test]
    fn loops_of_one_token_and_of_a_sentence_are_seen_and_lists_are_not() {
        let repeat = |part: &[u32], times: usize| [&[900, 901, 902], part.repeat(times).as_slice()].concat();
        assert!(is_loop(&repeat(&[5], 24)) && !is_loop(&repeat(&[5], 20)));
        assert!(is_loop(&repeat(&[1, 2, 3, 4, 5, 6, 7], 4)) && !is_loop(&repeat(&[1, 2, 3, 4, 5, 6, 7], 3)));
        assert!(!is_loop(&(0..200).collect::<Vec<_>>()));
        assert!(!is_loop(&[]));
    }

    #[test]
    fn loops_of_words_are_cut_to_one_turn() {
        let text = |words: &str| {
            let words: Vec<&str> = words.split(' ').collect();
            without_loops(&words).iter().map(|at| words[*at]).collect::<Vec<_>>().join(" ")
        };
        // Cases that users report: one word, one sentence, a sentence with changing marks, a loop between speech.
        assert_eq!(text(&["you"; 40].join(" ")), "you");
        assert_eq!(text(&["I'm sorry."; 12].join(" ")), "I'm sorry.");
        assert_eq!(text("So, let's go. so let's go! So let's go, So let's go. and then"), "So, let's go. and then");
        let between = format!("we begin {} and we end", ["oh my God,"; 9].join(" "));
        assert_eq!(text(&between), "we begin oh my God, and we end");
        // What people do say.
        for speech in ["no no no no", "very very very good", "row row row your boat gently down", "ha ha ha ha ha ha"] {
            assert_eq!(text(speech), speech);
        }
    }

    #[test]
    fn credits_are_known_whatever_their_marks() {
        for text in
            [" Subtitles by the Amara.org community", "Thanks for watching!", "Продолжение следует...", "Altyazı M.K."]
        {
            assert!(is_credit(text), "{text}");
        }
        for text in ["Thanks for watching the dog while I was out.", "", "community"] {
            assert!(!is_credit(text), "{text}");
        }
    }
}
