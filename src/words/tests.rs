use std::time::{Duration, Instant};

use super::*;

const FIRST: fn(usize) -> usize = |_| 0;

fn hear(words: &Words, text: &str) -> (Action, Rule) {
    words.hear(Input::Text, text, false, FIRST)
}

fn says(text: &str) -> Action {
    Action::Reply(Content::new(text.to_owned()).unwrap())
}

fn parse(text: &str) -> Words {
    Words::parse(text).unwrap()
}

fn error(text: &str) -> String {
    Words::parse(text).unwrap_err().to_string()
}

/// A reply that says this to these words.
fn reply(words: &str, say: &str) -> String {
    format!("[[reply]]\nwords = [\"{words}\"]\nsay = \"{say}\"\n")
}

#[test]
fn without_a_file_words_come_back_backwards_and_jokes_and_help_are_given() {
    let words = Words::default();
    for (text, expected) in [
        ("你好/::)", says("/::)好你")),
        (" a", says("a ")),
        ("??", says("??")),
        ("笑 话", says("话 笑")),
        ("help me", says("em pleh")),
        (" \n", Action::Acknowledge),
        ("\u{1}", Action::Acknowledge),
    ] {
        assert_eq!(hear(&words, text), (expected, Rule::Otherwise), "{text}");
    }
    for text in [
        "笑话",
        "讲个笑話吧",
        "JoKe",
        "help me, a joke?",
        "ＪＯＫＥ",
        "a\njokes",
    ] {
        assert_eq!(
            hear(&words, text),
            (Action::TellJoke, Rule::JokeWords),
            "{text}"
        );
    }
    for text in [
        "帮助",
        "幫助",
        "help",
        "HELP",
        "?",
        "？",
        " Help\n",
        "\u{3000}帮助",
        "帮助。",
        "help!",
        "怎么用？",
        "菜单",
        "Ｈｅｌｐ！",
    ] {
        assert_eq!(hear(&words, text), (says(HELP), Rule::HelpWords), "{text}");
    }
    assert_eq!(HELP.lines().count(), 2);
    assert_eq!(words.welcome(), says(HELP));
    assert_eq!(words.no_words(), says(NO_WORDS));
    assert_eq!(NO_WORDS.lines().count(), 1);
    for sticker in STICKERS {
        assert_eq!(hear(&words, sticker), (says(NO_WORDS), Rule::NoWords));
    }
}

#[test]
fn accents_and_voice_marks_count_however_they_are_written() {
    let words = parse(
        "banned = [\"É\", \"パン\"]\n[[reply]]\nwords = [\"ｶﾞﾁﾔ\"]\nsay = \"抽\"\n\
         [[reply]]\nexactly = [\"nai\u{308}ve\"]\nsay = \"是\"",
    );
    for text in ["e\u{301}", "É", "ﾊﾟﾝ", "ハ\u{309a}ン", "ぱ"] {
        assert_eq!(words.is_banned(text), text != "ぱ", "{text}");
    }
    for (text, answer) in [("ガチャ", "抽"), ("カ\u{3099}チヤ", "抽"), ("NAÏVE", "是")] {
        let heard = hear(&words, text).0;
        assert_eq!(heard == says(answer), text != "ガチャ", "{text}");
    }
}

#[test]
fn refusals_and_complaints_are_told_from_each_other() {
    let words = Words::default();
    let refusals = "別講笑話 不要講笑話 我不想聽笑話了 別再講笑話 别老笑话我 不要总笑话我 不要老是讲笑话 不能笑话我 莫笑话我 \
        不要再发笑话 不必讲笑话 不需要笑话 甭讲笑话 不喜欢笑话 不爱听笑话 我不想要笑话 不喜歡笑話 别讲笑话么 别笑话么 别笑话我好吗 \
        不要再讲笑话了好吗 你不要笑话我吗 我不想听你的笑话 我不想再听到任何笑话";
    for refusal in refusals.split_whitespace() {
        let said = says(&reverse(refusal));
        assert_eq!(hear(&words, refusal).0, said, "{refusal}");
    }
    let wishes = "为什么不讲笑话 怎么还不讲笑话 怎麼不講笑話了 不得不听笑话 别不讲笑话 \
        不能讲个笑话吗 不能讲个笑话吗？ 不讲笑话了吗？ 不讲个笑话嗎 不讲笑话了吗 不能给我讲笑话了吗 不能再讲个笑话了吗 不用我要听笑话 不是要你讲笑话么 能不能讲个笑话 需不需要笑话 喜不喜欢听笑话 爱不爱听笑话";
    for wish in wishes.split_whitespace() {
        assert_eq!(hear(&words, wish).0, Action::TellJoke, "{wish}");
    }
}

#[test]
fn a_refusal_is_no_wish_for_a_joke() {
    let words = Words::default();
    for refusal in [
        "不要笑话我",
        "别笑话我",
        "你别跟我讲笑话",
        "我不想再听什么笑话了",
        "不用给我讲个笑话",
        "我不听笑话",
        "don't tell me a joke",
        "Don’t joke",
        "no jokes",
        "please, no more jokes",
        "do not tell me a joke",
    ] {
        assert_eq!(
            hear(&words, refusal),
            (says(&reverse(refusal)), Rule::Otherwise),
            "{refusal}"
        );
    }
    for wish in [
        "要不要讲个笑话",
        "想不想听笑话",
        "何不讲个笑话",
        "要不讲个笑话",
        "特别笑话",
        "讲个别的笑话",
        "别说了，讲笑话",
        "casino jokes",
        "不要笑话我，讲个笑话",
        "音乐不听 要听笑话",
        "不用 我要听笑话",
        "不要 我要听笑话",
        "别 要听笑话",
        "我不看 我要听笑话",
        "I want a joke",
        "why not tell me a joke",
    ] {
        assert_eq!(hear(&words, wish).0, Action::TellJoke, "{wish}");
    }
}

#[test]
fn another_joke_is_told_to_who_was_just_told_one() {
    let words = Words::default();
    for again in [
        "再讲一个",
        "换一个",
        " 再来一个！",
        "再來一個",
        "換一個",
        "再講一個",
    ] {
        let after = words.hear(Input::Text, again, true, FIRST);
        assert_eq!(after, (Action::TellJoke, Rule::Again), "{again}");
        assert_eq!(hear(&words, again).1, Rule::Otherwise);
    }
    assert_eq!(
        words.hear(Input::Text, "换一个词", true, FIRST).1,
        Rule::Otherwise
    );
}

#[test]
fn the_first_reply_in_the_file_wins_wherever_its_words_stand() {
    let words = parse(
        "[[reply]]\nexactly = [\"地址\"]\nsay = [\"成都\", \"重庆\"]\n\
         [[reply]]\nwords = [\"Ｏpen \", \"营业时间\"]\nsay = \"9:00\"\n\
         [[reply]]\nwords = [\"地址\", \"open now\", \"笑话\"]\ndo = \"nothing\"\n\
         [[reply]]\nwords = [\"乐一个\"]\nexactly = [\"帮助\"]\ndo = \"joke\"\n",
    );
    let rule = |number, line| Rule::Reply { number, line };
    for (text, expected) in [
        (" 地址\u{3000}", (says("成都"), rule(1, 1))),
        ("地址？", (Action::Acknowledge, rule(3, 7))),
        ("are you OPEN now", (says("9:00"), rule(2, 4))),
        ("今天的营业时间是？笑话", (says("9:00"), rule(2, 4))),
        ("讲个笑话", (Action::Acknowledge, rule(3, 7))),
        ("来乐一个吧", (Action::TellJoke, rule(4, 10))),
        ("帮助", (Action::TellJoke, rule(4, 10))),
        ("帮助。", (says(HELP), Rule::HelpWords)),
        ("op en", (says("ne po"), Rule::Otherwise)),
    ] {
        assert_eq!(hear(&words, text), expected, "{text}");
    }
    let second = words.hear(Input::Text, "地址", false, |count| count - 1);
    assert_eq!(second, (says("重庆"), rule(1, 1)));
}

#[test]
fn speech_and_menu_items_follow_the_same_rules() {
    let words = parse(&format!(
        "{}[[reply]]\nexactly = [\"地址\"]\nsay = \"成都\"",
        reply("V1_TIME", "9:00")
    ));
    let hear = |input, text| words.hear(input, text, true, FIRST).0;
    assert_eq!(hear(Input::Speech, "地址。"), says("成都"));
    assert_eq!(hear(Input::Speech, "你好。"), says("。好你"));
    assert_eq!(hear(Input::Speech, "来个笑话。"), Action::TellJoke);
    assert_eq!(hear(Input::MenuKey, "v1_time"), says("9:00"));
    assert_eq!(hear(Input::MenuKey, "地址"), says("成都"));
    assert_eq!(hear(Input::MenuKey, "JOKE_1"), Action::TellJoke);
    assert_eq!(hear(Input::MenuKey, "帮助"), says(HELP));
    assert_eq!(hear(Input::MenuKey, "换一个"), Action::TellJoke);
    for other in ["V1_MENU", "地址。", ""] {
        assert_eq!(hear(Input::MenuKey, other), Action::Acknowledge, "{other}");
    }
}

#[test]
fn every_text_of_the_bots_can_be_the_owners() {
    let words = parse(
        "\u{feff}welcome = \"欢迎\"\r\nhelp = \"帮\"\nno_words = \"字\"\notherwise = \"听不懂\"\n\
         joke_words = [\"段子\"]\nhelp_words = [\"救命\"]\n",
    );
    assert_eq!(words.welcome(), says("欢迎"));
    assert_eq!(words.no_words(), says("字"));
    assert_eq!(hear(&words, "你好").0, says("听不懂"));
    assert_eq!(hear(&words, "笑话").0, says("听不懂"));
    assert_eq!(hear(&words, "帮助").0, says("听不懂"));
    assert_eq!(hear(&words, "来个段子").0, Action::TellJoke);
    assert_eq!(hear(&words, "救命!").0, says("帮"));
    let words = parse("help = \"帮\"\notherwise = \"backwards\"\njoke_words = []");
    assert_eq!(
        words.welcome(),
        says("帮"),
        "who says no other, welcomes with the help"
    );
    assert_eq!(hear(&words, "笑话").0, says("话笑"));
}

#[test]
fn what_is_banned_is_never_said() {
    let words = parse(&format!(
        "banned = [\"某词\", \"ＢＡＤ\"]\n{}",
        reply("问", "某 词")
    ));
    for text in ["词某", "dab", "d a\u{200b}B", "ｄａｂ", "词\n某", "问"] {
        assert_eq!(hear(&words, text), (says(REFUSAL), Rule::Banned), "{text}");
    }
    assert_eq!(
        hear(&words, "某词").0,
        says("词某"),
        "this is not said, but heard"
    );
    let tell = |joke: &str| words.tell(joke).map(Action::Reply);
    assert_eq!(tell("a bad joke"), Some(says(REFUSAL)));
    assert_eq!(tell("a good joke"), Some(says("a good joke")));
    assert!(words.is_banned("x某 词x") && !words.is_banned("词某"));
    for (link, is_banned) in [
        ("某<a href=\"https://x\">词</a>", true),
        ("<A href=x>某</A>1<词", false),
        ("1<2<a href=x>某</a>词", true),
        ("某<b>词", false),
        ("某<a 词", false),
    ] {
        assert_eq!(words.is_banned(link), is_banned, "{link}");
    }
    let words = parse("banned = [\"a\"]\nrefusal = \"不\"\nwelcome = \"a\"");
    assert_eq!(words.welcome(), says("不"));
    let words = parse("banned = [\"a\", \"不\"]\nrefusal = \"不\"");
    assert_eq!(hear(&words, "a").0, Action::Acknowledge);
    let nothing = parse("banned = []");
    assert_eq!(hear(&nothing, "词某").0, says("某词"));
}

#[test]
fn marks_of_direction_turn_nothing_into_what_is_banned() {
    let words = parse("banned = [\"某词\"]");
    for mark in "\u{61c}\u{200e}\u{200f}\u{202a}\u{202e}\u{2066}\u{2069}".chars() {
        let turned = format!("{mark}某词{mark}");
        assert_eq!(hear(&words, &turned).0, says("词某"), "{mark:?}");
        let turned = format!("{mark}词某{mark}");
        assert_eq!(hear(&words, &turned).1, Rule::Banned, "{mark:?}");
        let told = words.tell(&turned).map(Action::Reply);
        assert_eq!(told, Some(says("词某")), "{mark:?}");
        let left = format!("a{mark}b");
        let nothing = Words::default();
        assert_eq!(hear(&nothing, &left).0, says(&reverse(&left)), "{mark:?}");
    }
}

#[test]
fn many_joke_words_in_one_text_are_judged_at_once() {
    let words = parse("joke_words = [\"笑话\", \"讲一个\", \"说\"]");
    for (piece, count) in [("讲一个", 2_700), ("说", 8_000)] {
        let many = piece.repeat(count);
        for (before, rule) in [("", Rule::JokeWords), ("别", Rule::Otherwise)] {
            let text = format!("{before}{many}");
            let times = [(); 3].map(|()| {
                let begun = Instant::now();
                assert_eq!(hear(&words, &text).1, rule, "{before}{piece}");
                begun.elapsed()
            });
            // A release build may take 5 ms, a debug build ten times that.
            let fastest = times.into_iter().min();
            assert!(
                fastest < Some(Duration::from_millis(50)),
                "{before}{piece}: {fastest:?}"
            );
        }
    }
    for (text, is_wish) in [
        ("别讲一个", false),
        ("别讲一个笑话", false),
        ("别讲一个，讲一个", true),
        ("笑话别讲一个", true),
        ("特别讲一个", true),
        ("别说说说，我说", true),
        ("不要说，不要一个笑话", false),
    ] {
        let is_joke = hear(&words, text).0 == Action::TellJoke;
        assert_eq!(is_joke, is_wish, "{text}");
    }
}

#[test]
fn an_error_says_the_line_and_what_is_expected() {
    let long = "长".repeat(683);
    for (text, expected) in [
        ("a = 1", "line 1: unknown field `a`, expected one of `welcome`, `help`, `no_words`, `otherwise`, `joke_words`, `help_words`, `banned`, `refusal`, `reply`".to_owned()),
        ("\nhelp = 3", "line 2: expected help = \"…\"".to_owned()),
        ("help = \"a\nb\"", "line 2: key with no value, expected `=`; for a line break in a text, write \\n or use \"\"\"".to_owned()),
        ("help = \"", "line 1: invalid basic string, expected `\"`".to_owned()),
        ("\n\nwelcome = \" \"", "line 3: the text is empty; expected one that can be seen".to_owned()),
        (&format!("help = \"{long}\""), "line 1: the text has 2049 bytes; expected at most 2047, which WeChat takes".to_owned()),
        ("banned = [\"a\",\n\" \"]", "line 2: the word is empty; expected one that can be seen".to_owned()),
        ("joke_words = [\"\u{200b}\"]", "line 1: the word is empty; expected one that can be seen".to_owned()),
        ("[[reply]]\nsay = \"a\"", "line 1: the reply answers to nothing; expected words = [\"…\"] or exactly = [\"…\"]".to_owned()),
        ("\n[[reply]]\nwords = [\"a\"]", "line 2: expected one answer: say = \"…\", do = \"joke\" or do = \"nothing\"".to_owned()),
        ("[[reply]]\nwords = [\"a\"]\nsay = \"b\"\ndo = \"joke\"", "line 1: expected one answer: say = \"…\", do = \"joke\" or do = \"nothing\"".to_owned()),
        ("[[reply]]\nwords = [\"a\"]\nsay = []", "line 3: the text is empty; expected one that can be seen".to_owned()),
        ("[[reply]]\nwords = [\"a\"]\nsay = 1", "line 3: expected say = \"…\" or say = [\"…\", \"…\"]".to_owned()),
        ("[[reply]]\nwords = [\"a\"]\ndo = \"dance\"", "line 3: expected do = \"joke\" or do = \"nothing\"".to_owned()),
        ("[[reply]]\nwords = [\"a\"]\nsays = \"b\"", "line 3: unknown field `says`, expected one of `words`, `exactly`, `say`, `do`".to_owned()),
    ] {
        assert_eq!(error(text), expected, "{text}");
    }
    assert!(Words::parse(format!("help = \"{}\"", "长".repeat(682))).is_ok());
}
