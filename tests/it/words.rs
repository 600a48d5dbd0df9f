//! The owner's own words: what `--words` sets, what it refuses, and when it is read anew.

use std::{
    collections::BTreeSet,
    fs,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    thread,
    time::Instant,
};

use crate::{
    owner::{Outcome, printed, run},
    support::{
        Bot, LIMIT, TOKEN, Temporary, daoxiao, message, poll, signed, status_number, text_message,
    },
};

/// What the bot tells who asks for help, unless its owner says otherwise.
const HELP: &str = "发我一句话，我倒着说给你听。\n发「笑话」，我给你讲一个笑话。";
const REFUSAL: &str = "换句话说吧。";

/// A bot with this file of words.
fn bot_with(name: &str, words: &str) -> (Bot, Temporary) {
    bot_with_flags(name, words, &[])
}

fn bot_with_flags(name: &str, words: &str, flags: &[&str]) -> (Bot, Temporary) {
    let file = Temporary::write(name, words);
    let arguments = [
        &["--joke-source", "none", "--words", file.path()][..],
        flags,
    ];
    (Bot::with(&arguments.concat(), &[]), file)
}

fn check(bot: &Bot, cases: &[(&str, &str)]) {
    for (text, answer) in cases {
        assert_eq!(bot.answer_to(text), *answer, "{text:?}");
    }
}

fn event(name: &str, key: &str) -> String {
    let key = format!("<EventKey><![CDATA[{key}]]></EventKey>");
    message("event", &format!("<Event>{name}</Event>{key}"))
}

fn voice(words: &str) -> String {
    let recognition = format!("<Recognition><![CDATA[{words}]]></Recognition>");
    message("voice", &recognition)
}

#[test]
fn everything_that_the_bot_says_of_its_own_can_be_set() {
    let (bot, _file) = bot_with(
        "every-word",
        "welcome = \"欢迎！发「帮助」看我会什么。\"\nhelp = \"第一行\\n第二行\"\nno_words = \"只认字\"\n\
         otherwise = \"听不懂 <a href=\\\"https://a.example/\\\">看这里</a>\"\n\
         joke_words = [\"段子\"]\nhelp_words = [\"救命\"]\n\
         [[reply]]\nwords = [\"段子手\"]\nsay = \"weixin://bizmsgmenu?msgmenucontent=a&msgmenuid=1\"\n",
    );
    let otherwise = "听不懂 <a href=\"https://a.example/\">看这里</a>";
    assert_eq!(
        bot.say(event("subscribe", "")).content(),
        "欢迎！发「帮助」看我会什么。"
    );
    for wordless in [
        message("image", ""),
        voice(""),
        text_message("[Unsupported Message]"),
    ] {
        assert_eq!(bot.say(wordless).content(), "只认字");
    }
    check(
        &bot,
        &[
            ("救命！", "第一行\n第二行"),
            ("帮助", otherwise),
            ("笑话", otherwise),
            ("你好", otherwise),
            ("段子手", "weixin://bizmsgmenu?msgmenucontent=a&msgmenuid=1"),
        ],
    );
    assert!(!bot.answer_to("来个段子").contains("听不懂"));
    bot.wait_for_log("POST /wechat text joke 200");
}

#[test]
fn without_a_file_the_help_is_the_welcome_and_words_come_back_backwards() {
    let (bot, _file) = bot_with("no-words", "help = \"帮\"\n");
    assert_eq!(bot.say(event("subscribe", "")).content(), "帮");
    check(&bot, &[("帮助", "帮"), ("你好", "好你")]);
}

#[test]
fn the_first_reply_that_knows_the_words_answers_before_joke_help_and_backwards() {
    let (bot, _file) = bot_with(
        "replies",
        "[[reply]]\nexactly = [\"地址\"]\nsay = \"成都\"\n\
         [[reply]]\nwords = [\"Ｏpen Hours\", \"营业时间\"]\nsay = \"9:00–18:00\"\n\
         [[reply]]\nwords = [\"地址\", \"笑话\", \"营业\"]\nsay = \"第三条\"\n\
         [[reply]]\nwords = [\"乐一个\"]\nexactly = [\"帮助\"]\ndo = \"joke\"\n\
         [[reply]]\nwords = [\"闭嘴\"]\ndo = \"nothing\"\n\
         [[reply]]\nexactly = [\"在吗？\", \"￥9\"]\nsay = \"在\"\n\
         [[reply]]\nwords = [\"、イクラ\"]\nsay = \"いくら\"\n",
    );
    check(
        &bot,
        &[
            (" 地址\u{3000}\n", "成都"),
            ("地址？", "第三条"),
            ("你的ＯＰＥＮ　hours呢", "9:00–18:00"),
            ("笑话，营业时间", "9:00–18:00"),
            ("讲个笑话", "第三条"),
            ("你好", "好你"),
            ("菜单", HELP),
            ("¥９", "在"),
            ("いま､ｲｸﾗﾃﾞ?", "いくら"),
        ],
    );
    for asks in ["来乐一个吧", "帮助"] {
        bot.say(text_message(asks));
        bot.wait_for_log("POST /wechat text joke 200");
    }
    assert_eq!(bot.say(text_message("请闭嘴")).text(), "success");
    for (xml, answer) in [
        (event("CLICK", "V1_营业时间"), "9:00–18:00"),
        (event("click", "地址"), "成都"),
        (event("CLICK", "菜单"), HELP),
        (voice("地址。"), "成都"),
        (voice("营业时间？"), "9:00–18:00"),
        (voice("在吗？"), "在"),
    ] {
        assert_eq!(bot.say(&xml).content(), answer, "{xml}");
    }
    assert_eq!(bot.say(event("CLICK", "V1_NEWS")).text(), "success");
    assert_eq!(bot.say(event("VIEW", "营业时间")).text(), "success");
}

#[test]
fn one_of_several_answers_is_said_by_chance_and_a_repeat_gets_the_same() {
    let say = "[[reply]]\nwords = [\"地址\"]\nsay = [\"成都\", \"重庆\", \"北京\"]\n";
    let (bot, _file) = bot_with("several", say);
    let mut answers = BTreeSet::new();
    for id in 0..200 {
        let elements = format!("<Content>地址</Content><MsgId>{id}</MsgId>");
        let xml = message("text", &elements);
        let answer = bot.say(&xml).content();
        assert_eq!(bot.say(&xml).content(), answer);
        answers.insert(answer);
    }
    // Each is missed by 200 throws in one of 10^35 runs.
    let all = ["北京", "成都", "重庆"].map(str::to_owned);
    assert_eq!(answers, BTreeSet::from(all));
}

#[test]
fn what_is_banned_is_said_in_no_way() {
    let jokes = Temporary::write(
        "banned-jokes",
        "一个有某 词的笑话\n%\n好笑话\n%\nBaＤ joke\n",
    );
    let (bot, _file) = bot_with_flags(
        "banned",
        "banned = [\"某词\", \"Ｂad\"]\nwelcome = \"某词\"\n\
         [[reply]]\nwords = [\"问\"]\nsay = \"b a d\"\n\
         [[reply]]\nwords = [\"链接\"]\nsay = '某<a href=\"https://e.example/\">词</a>'\n",
        &["--jokes", jokes.path()],
    );
    for text in [
        "词某",
        "词 \n某",
        "dab",
        "ＤＡＢ",
        "xd a\u{200b}bx",
        "词\u{2066}某",
        "词\u{1d173}某",
        "词\u{fffc}\u{13430}\u{1d159}某",
        ">a/<词>\"x//:sptth\"=ferh a<某",
        "链接",
        "\u{202e}词某",
        "问",
    ] {
        assert_eq!(bot.answer_to(text), REFUSAL, "{text:?}");
    }
    assert_eq!(bot.answer_to("某词"), "词某", "it is heard, and not said");
    let shown_turned = bot.answer_to("\u{202e}某\u{200f}词\u{202e}");
    assert_eq!(shown_turned, "词某", "nothing turns it round again");
    assert_eq!(bot.say(event("subscribe", "")).content(), REFUSAL);
    for _ in 0..5 {
        assert_eq!(bot.answer_to("笑话"), "好笑话", "the others are not dealt");
    }
}

#[test]
fn a_banned_refusal_is_not_said_and_one_of_the_owners_is() {
    let bad_jokes = Temporary::write("bad-jokes", "很坏的一个笑话\n");
    let (bot, _file) = bot_with_flags(
        "banned-refusal",
        "banned = [\"坏\", \"不\", \"我\", \"了\", \"上\", \"要\", \"说\"]\nrefusal = \"不说\"\n",
        &["--jokes", bad_jokes.path()],
    );
    assert_eq!(bot.say(text_message("坏")).text(), "success");
    assert_eq!(bot.say(text_message("笑话")).text(), "success");
    let (_, log) = bot.stop();
    assert_eq!(log.matches(" text success 200 ").count(), 2, "{log}");
    let (bot, _file) = bot_with("own-refusal", "banned = [\"坏\"]\nrefusal = \"不说\"\n");
    check(&bot, &[("真坏", "不说"), ("好", "好")]);
    let (bot, _file) = bot_with("nothing-banned", "banned = []\n");
    check(&bot, &[("词某", "某词")]);
}

#[test]
fn the_default_words_are_what_people_write() {
    let bot = Bot::start();
    let (hangul, _file) = bot_with(
        "half-width",
        "[[reply]]\nexactly = [\"ㅋㅋ¬¯¦│\"]\nsay = \"一样\"\n",
    );
    check(&hangul, &[("ﾻﾻ￢￣￤￨", "一样"), ("ﾻﾻ", "ﾻﾻ")]);
    for help in ["怎么用", "怎么用？", "菜单", "帮助。", "help!", "ＨＥＬＰ"] {
        assert_eq!(bot.answer_to(help), HELP, "{help}");
    }
    check(
        &bot,
        &[
            ("不要笑话我", "我话笑要不"),
            ("不要总笑话我", "我话笑总要不"),
            ("別講笑話", "話笑講別"),
            ("别笑话我了", "了我话笑别"),
            ("别笑话我好吗", "吗好我话笑别"),
            ("别讲笑话么", "么话笑讲别"),
            ("别笑话么", "么话笑别"),
            ("我不想要笑话", "话笑要想不我"),
            ("不需要笑话", "话笑要需不"),
            ("不喜歡笑話", "話笑歡喜不"),
            ("我不想听笑话", "话笑听想不我"),
            ("Don't joke", "ekoj t'noD"),
            ("怎么用微信", "信微用么怎"),
        ],
    );
    for wish in [
        "要不要讲个笑话",
        "不能讲个笑话吗",
        "不讲笑话了吗？",
        "不能再讲个笑话了吗",
        "音乐不听 要听笑话",
        "不用我要听笑话",
    ] {
        let bot = Bot::start();
        bot.answer_to(wish);
        bot.wait_for_log("POST /wechat text joke 200");
    }
}

#[test]
fn another_joke_is_for_whose_last_answer_was_one() {
    let jokes: Vec<String> = (1..=20).map(|n| format!("第{n}个笑话\n")).collect();
    let jokes = Temporary::write("more-jokes", &jokes.join("%\n"));
    let bot = Bot::with(&["--joke-source", "none", "--jokes", jokes.path()], &[]);
    let says = |user: &str, text: &str| {
        let user = format!("[{user}]");
        bot.say(text_message(text).replace("[oUser]", &user))
            .content()
    };
    assert_eq!(says("o1", "换一个"), "个一换");
    let mut told = BTreeSet::new();
    for text in ["笑话", "换一个", "再讲一个吧。", "再来一个！"] {
        let joke = says("o1", text);
        assert!(
            joke.ends_with("个笑话") && told.insert(joke.clone()),
            "{text}: {joke}"
        );
    }
    assert_eq!(says("o2", "换一个"), "个一换");
    let click = event("CLICK", "再讲一个").replace("[oUser]", "[o1]");
    let joke = bot.say(click).content();
    assert!(told.insert(joke.clone()), "{joke}");
    assert_eq!(says("o1", "你好"), "好你");
    assert_eq!(says("o1", "再讲一个"), "个一讲再");
}

/// What is wrong with files, and what is said of each.
const WRONG: [(&str, &str); 10] = [
    (
        "welcom = \"a\"\n",
        "line 1: unknown field `welcom`, expected one of `welcome`, ",
    ),
    (
        // As Windows's editor begins files.
        "\u{feff}help = \"a\"\na = 3\n",
        "line 2: unknown field `a`, expected one of `welcome`, ",
    ),
    ("\nhelp = 3\n", "line 2: expected help = \"…\""),
    (
        "[[reply]]\nwords = [\"a\"\n",
        "line 2: unclosed array, expected `]`",
    ),
    (
        "\n\nhelp = \" \"\n",
        "line 3: the text is empty; expected one that can be seen",
    ),
    (
        "[[reply]]\nsay = \"a\"\n",
        "line 1: the reply answers to nothing; expected words = [\"…\"] or exactly = [\"…\"]",
    ),
    (
        "\n[[reply]]\nwords = [\"a\"]\n",
        "line 2: expected one answer: say = \"…\", do = \"joke\" or do = \"nothing\"",
    ),
    (
        "[[reply]]\nwords = [\"\"]\nsay = \"a\"\n",
        "line 2: the word is empty; expected one that can be seen",
    ),
    (
        "joke_words = [\"\u{200b}\"]\n",
        "line 1: the word is empty; expected one that can be seen",
    ),
    (
        "[[reply]]\nwords = [\"a\"]\ndo = \"dance\"\n",
        "line 3: expected do = \"joke\" or do = \"nothing\"",
    ),
];

/// Mistakes in the form, and what is said of each.
const MISTAKEN: [(&str, &str); 13] = [
    (
        "[[reply]]\nwords=[\"a\"]\ndo=1",
        "line 3: expected do = \"joke\" or do = \"nothing\"",
    ),
    (
        "[[reply]]\nwords=[\"a\"]\ndo=[\"joke\"]",
        "line 3: expected do = \"joke\" or do = \"nothing\"",
    ),
    (
        "[[reply]]\nwords=[\"a\"]\nsay=[\n\"x\",\n5]",
        "line 5: expected say = \"…\" or say = [\"…\", \"…\"]",
    ),
    (
        "welcome=\"a\"\nwelcome=\"b\"",
        "line 2: `welcome` is set twice; expected it once",
    ),
    ("reply=[1]", "line 1: expected [[reply]]"),
    ("reply=[[]]", "line 1: expected [[reply]]"),
    (
        "joke_words=\"笑话\"",
        "line 1: expected joke_words = [\"…\"]",
    ),
    ("banned=[\n1]", "line 2: expected banned = [\"…\"]"),
    ("[[reply]]\nwords=\"a\"", "line 2: expected words = [\"…\"]"),
    (
        "help=“y”",
        "line 1: `“` is Chinese punctuation; expected `\"`",
    ),
    (
        "banned=[\"a\"，\"b\"]",
        "line 1: `，` is Chinese punctuation; expected `,`",
    ),
    (
        "help＝\"a\"",
        "line 1: `＝` is Chinese punctuation; expected `=`",
    ),
    (
        "help = \"a，",
        "line 1: invalid basic string, expected `\"`",
    ),
];

#[test]
fn what_is_wrong_with_a_file_is_said_in_chinese_too() {
    for (number, (text, reason)) in [
        ("help=1", "第 1 行：应写成 help = \"…\"\n"),
        ("welcome = 你好", "第 1 行：应写成 welcome = \"…\"\n"),
        (
            "[[reply]]\nwords=[\"a\"]\ndo=\"Joke\"",
            "第 3 行：应写成 do = \"joke\" 或 do = \"nothing\"\n",
        ),
        (
            "[[reply]]\nwords=[\"a\"]\nsay=[\n\"x\",\n5]",
            "第 5 行：应写成 say = \"…\" 或 say = [\"…\", \"…\"]\n",
        ),
        (
            "welcome=\"a\"\nwelcome=\"b\"",
            "第 2 行：welcome 写了两次，只能写一次\n",
        ),
        ("help=“y”", "第 1 行：“ 是中文标点，应为英文的 \"\n"),
        ("help = \"a\" b", "第 1 行：这一行末尾有多余的内容\n"),
        ("= 1", "第 1 行：等号左边应为英文的名字，例如 help\n"),
        (
            "帮助 = \"a\"",
            "第 1 行：等号左边应为英文的名字，例如 help\n",
        ),
        (
            "help = \"C:\\users\"",
            "第 1 行：\\ 后面的字符不对；文字里的 \\ 要写成 \\\\\n",
        ),
        (
            "help = \"\\q\"",
            "第 1 行：\\ 后面的字符不对；文字里的 \\ 要写成 \\\\\n",
        ),
        ("help == \"a\"", "第 1 行：多了一个等号\n"),
        ("banned = [\"a\",,\"b\"]", "第 1 行：多了一个逗号\n"),
        (
            "help = \"a\nb\"",
            "第 2 行：这里缺少 =；文字要换行，请写 \\n 或用 \"\"\"\n",
        ),
        (
            "help = 2024-99-99",
            "第 1 行：不符合 TOML 的写法，应写成 help = \"…\" 这样\n",
        ),
        (
            "[[reply]]\nwords = [\"a\"]\nsays = \"b\"\n",
            "第 3 行：没有 says 这一项，可用的有 words、exactly、say、do\n",
        ),
        ("[[reply]]\nwords = [\"a\"\n", "第 2 行：这里缺少 ]\n"),
    ]
    .into_iter()
    .enumerate()
    {
        let file = Temporary::write(&format!("wrong-in-chinese-{number}"), text);
        let outcome = run(daoxiao(&["words", file.path(), "--lang", "zh"]), "");
        let expected = format!("错误：{}：{reason}", file.path());
        assert_eq!((outcome.code, outcome.err), (Some(2), expected));
    }
}

#[test]
fn a_wrong_file_is_refused_at_the_start_with_its_place() {
    let long = format!("help = \"{}\"\n", "长".repeat(683));
    let too_long = "line 1: the text has 2049 bytes; expected at most 2047, which WeChat takes";
    let wrong = WRONG
        .into_iter()
        .chain(MISTAKEN)
        .chain([(long.as_str(), too_long)]);
    for (number, (text, reason)) in wrong.enumerate() {
        let file = Temporary::write(&format!("wrong-{number}"), text);
        let path = file.path();
        for command in [
            &["serve", "--listen", "127.0.0.1:0", "--words", path][..],
            &["chat", "--words", path],
            &["words", path],
        ] {
            let mut command = daoxiao(command);
            command.env("WECHAT_TOKEN", TOKEN);
            let outcome = run(command, "");
            let begin = format!("error: {path}: {reason}");
            assert!(
                outcome.err.starts_with(&begin),
                "{begin} is not in {outcome:?}"
            );
            assert_eq!((outcome.code, outcome.err.lines().count()), (Some(2), 1));
        }
    }
    let missing = run(daoxiao(&["words", "/nowhere/words.toml"]), "");
    let reason = "the file cannot be read: No such file or directory (os error 2)";
    let expected = format!("error: /nowhere/words.toml: {reason}\n");
    assert_eq!((missing.code, missing.err), (Some(2), expected));
    let gbk = Temporary::write("gbk", "");
    fs::write(gbk.path(), b"\nhelp = \"\xb0\xef\"\n").unwrap();
    for (language, said) in [
        (
            "en",
            "error: PATH: line 2: not UTF-8; save the file as UTF-8\n",
        ),
        (
            "zh",
            "错误：PATH：第 2 行：不是 UTF-8 编码，请把文件另存为 UTF-8\n",
        ),
    ] {
        let outcome = run(daoxiao(&["words", gbk.path(), "--lang", language]), "");
        let expected = said.replace("PATH", gbk.path());
        assert_eq!((outcome.code, outcome.err), (Some(2), expected));
    }
}

#[test]
fn the_command_shows_what_answers_what() {
    let file = Temporary::write(
        "shown",
        "banned = [\"坏\"]\n\n[[reply]]\nwords = [\"几点\"]\nsay = \"9:00\\n18:00\"\n\n\
         [[reply]]\nexactly = [\"乐\"]\ndo = \"joke\"\n\n[[reply]]\nwords = [\"嘘\"]\ndo = \"nothing\"\n",
    );
    let lines =
        "几点开门\n乐\n换一个\n换一个词\n嘘\n笑话\n帮助。\n[Unsupported Message]\n很坏\n你好\n\n";
    let expected = format!(
        "9:00\\n18:00\treply 1, line 3\n(a joke)\treply 2, line 7\n(a joke)\tanother joke\n\
         词个一换\totherwise\n(no answer)\treply 3, line 11\n(a joke)\tjoke_words\n{}\thelp_words\n\
         我只认得字，发句话给我吧。\tno_words\n{REFUSAL}\tbanned\n好你\totherwise\n(no answer)\totherwise\n",
        HELP.replace('\n', "\\n"),
    );
    assert_eq!(
        run(daoxiao(&["words", file.path()]), lines),
        printed(&expected)
    );
    let otherwise = Temporary::write("shown-otherwise", "otherwise = \"嗯\"\n");
    assert_eq!(
        run(daoxiao(&["words", otherwise.path()]), "\n \n"),
        printed("(no answer)\totherwise\n嗯\totherwise\n")
    );
    let mut chinese = daoxiao(&["words", file.path()]);
    chinese.env("LC_ALL", "zh_CN.UTF-8");
    let lines = "乐\n嘘\n".as_bytes();
    assert_eq!(
        run(chinese, [lines, b"a\xff\n"].concat()),
        printed(
            "（笑话）\t第 7 行的第 2 条规则\n（没有回复）\t第 11 行的第 3 条规则\n\u{fffd}a\totherwise\n"
        )
    );
}

#[test]
fn chat_and_cgi_take_the_same_file() {
    let file = Temporary::write("shared", "otherwise = \"嗯\"\n");
    let talk = run(daoxiao(&["chat", "--words", file.path()]), "你好\n");
    assert_eq!(talk, printed("嗯\n"));
    let (target, xml) = (signed("/"), text_message("你好"));
    let mut command = daoxiao(&["cgi", "--log", "off"]);
    command.envs([
        ("DAOXIAO_WORDS", file.path()),
        ("WECHAT_TOKEN", TOKEN),
        ("REQUEST_METHOD", "POST"),
        ("QUERY_STRING", target.split_once('?').unwrap().1),
        ("CONTENT_LENGTH", &xml.len().to_string()),
    ]);
    let Outcome { out, code, .. } = run(command, &xml);
    assert!(out.contains("<Content><![CDATA[嗯]]></Content>"), "{out}");
    assert_eq!(code, Some(0));
}

#[test]
fn a_hangup_under_load_switches_the_words_and_loses_no_message() {
    let (bot, file) = bot_with("switched", "otherwise = \"一\"\n");
    let (is_over, count) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        let ask = || {
            let mut answers = Vec::new();
            while !is_over.load(SeqCst) {
                answers.push(bot.answer_to("你好"));
                count.fetch_add(1, SeqCst);
            }
            answers
        };
        let askers = [(); 3].map(|()| scope.spawn(ask));
        let wait_for_more = || {
            let enough = count.load(SeqCst) + 100;
            let has_enough = || (count.load(SeqCst) > enough).then_some(());
            poll(Instant::now() + LIMIT, has_enough).unwrap();
        };
        wait_for_more();
        fs::write(file.path(), "otherwise = \"二\"\n").unwrap();
        bot.reload();
        wait_for_more();
        is_over.store(true, SeqCst);
        for asker in askers {
            let answers = asker.join().unwrap();
            let switch = answers.iter().position(|answer| answer == "二").unwrap();
            assert!(answers[..switch].iter().all(|answer| answer == "一"));
            assert!(answers[switch..].iter().all(|answer| answer == "二"));
        }
    });
}

#[test]
fn a_broken_file_at_a_hangup_keeps_the_words_that_were_in_force() {
    let jokes = Temporary::write("kept-jokes", "我的笑话");
    let (bot, file) = bot_with_flags("kept", "otherwise = \"一\"\n", &["--jokes", jokes.path()]);
    assert_eq!(bot.answer_to("你好"), "一");
    let mut refused = 0;
    let mut hang_up_in_vain = |reason: &str| {
        bot.signal("HUP");
        bot.wait_for_log(reason);
        refused += 1;
        let goes_on = "ended: its settings or files are refused; the running worker goes on";
        let is_told = || (bot.log().matches(goes_on).count() == refused).then_some(());
        poll(Instant::now() + LIMIT, is_told).unwrap();
    };
    for (text, reason) in WRONG {
        fs::write(file.path(), text).unwrap();
        hang_up_in_vain(&format!("{}: {reason}", file.path()));
        assert_eq!(bot.answer_to("你好"), "一");
    }
    fs::write(file.path(), "otherwise = \"二\"\n").unwrap();
    fs::remove_file(jokes.path()).unwrap();
    hang_up_in_vain("the file cannot be read: No such file");
    check(&bot, &[("你好", "一"), ("笑话", "我的笑话")]);
    fs::write(jokes.path(), "新笑话").unwrap();
    bot.reload();
    check(&bot, &[("你好", "二"), ("笑话", "新笑话")]);
}

/// What the system says of the copy that workers inherit.
fn copy_of_words(supervisor: u32) -> fs::Metadata {
    let descriptors = fs::read_dir(format!("/proc/{supervisor}/fd")).unwrap();
    let is_copy = |path: &std::path::PathBuf| {
        let to = fs::read_link(path).unwrap_or_default();
        to.to_string_lossy()
            .contains("memfd:DAOXIAO_WORDS_IN_FORCE")
    };
    let mut paths = descriptors.map(|entry| entry.unwrap().path());
    fs::metadata(paths.find(is_copy).expect("no copy")).unwrap()
}

#[test]
fn a_worker_that_starts_while_the_file_is_broken_has_the_words_that_were_in_force() {
    let (bot, file) = bot_with("broken", "banned = [\"某词\"]\n");
    let path = file.path();
    let kill = |broken: &str, told: &str| {
        fs::write(path, broken).unwrap();
        bot.kill_worker();
        bot.wait_for_log(&format!(
            "{path}: line 1: {told}; going on with what was in force before"
        ));
        bot.kill_worker();
    };
    // The copy is not written anew by who has read it: killed in between, it would be lost.
    let written = || copy_of_words(bot.pid()).modified().unwrap();
    let before = written();
    kill("banned = [\"某词\"\n", "unclosed array, expected `]`");
    check(&bot, &[("词某", REFUSAL), ("字某", "某字")]);
    assert_eq!(written(), before);
    // What a reload brings is in force in the same way.
    fs::write(path, "banned = [\"某字\"]\n").unwrap();
    bot.reload();
    kill("banned\n", "key with no value, expected `=`");
    check(&bot, &[("词某", "某词"), ("字某", REFUSAL)]);
}

#[test]
fn a_long_text_of_joke_words_is_answered_by_the_same_worker() {
    let words = "joke_words = [\"笑话\", \"讲一个\", \"说\"]\notherwise = \"嗯\"\n";
    let (bot, _file) = bot_with("many-joke-words", words);
    let worker = bot.worker_pid();
    for (piece, count) in [("讲一个", 2_600), ("说", 7_900)] {
        let many = piece.repeat(count);
        assert_ne!(bot.answer_to(&many), "嗯", "{piece}");
        assert_eq!(bot.answer_to(&format!("别{many}")), "嗯", "{piece}");
    }
    assert_eq!(bot.worker_pid(), worker);
}

#[test]
fn a_large_file_takes_no_more_than_five_times_its_size() {
    let mut text = String::new();
    for number in 0..8_000 {
        let words: Vec<String> = (0..5)
            .map(|word| format!("\"关键词{number}之{word}\""))
            .collect();
        let say = format!("say = \"第{number}条：周一到周五 9:00–18:00\"");
        text.extend(["[[reply]]\nwords = [", &words.join(", "), "]\n", &say, "\n"]);
    }
    let bot = within_five_times_its_size("large", &text);
    assert_eq!(
        bot.answer_to("有关键词7999之4吗"),
        "第7999条：周一到周五 9:00–18:00"
    );
}

#[test]
fn a_file_of_short_words_takes_no_more_than_five_times_its_size() {
    let letters = || ('a'..='z').chain('0'..='9');
    let pairs = letters().flat_map(|a| letters().map(move |b| (a, b)));
    let words: Vec<String> = pairs
        .flat_map(|(a, b)| letters().map(move |c| format!("\"{a}{b}{c}\"")))
        .collect();
    let text = format!("banned = [{}]\n", words.join(","));
    let bot = within_five_times_its_size("short", &text);
    check(&bot, &[("z9q", REFUSAL), ("z9", "9z")]);
}

#[test]
fn a_file_of_short_replies_takes_no_more_than_five_times_its_size() {
    let reply = |n: u32| format!("[[reply]]\nexactly = [\"问{n}\"]\nsay = \"答\"\n");
    let text: String = (0..5_000).map(reply).collect();
    let bot = within_five_times_its_size("replies", &text);
    check(&bot, &[("问4999", "答"), ("问5000", "0005问")]);
}

/// A bot with this file of words, which takes no more memory for it than it may.
fn within_five_times_its_size(name: &str, text: &str) -> Bot {
    let memory = |bot: &Bot| {
        assert_eq!(bot.answer_to("你好"), "好你");
        let processes = [bot.pid(), bot.worker_pid()];
        // Pages of the program's file differ from run to run.
        let memory = processes.map(|pid| status_number(pid, "RssAnon:").unwrap());
        memory.iter().sum::<u64>()
    };
    let before = memory(&Bot::start());
    let (bot, _file) = bot_with(name, text);
    let after = memory(&bot);
    let size = u64::try_from(text.len()).unwrap() / 1024;
    println!("{size} KiB of words: {before} to {after} KiB");
    assert!(
        after <= before + 5 * size,
        "{before} to {after} KiB for {size}"
    );
    bot
}

#[test]
fn the_readmes_file_of_words_works_as_it_stands() {
    for (number, readme) in ["README.md", "README.zh-CN.md"].into_iter().enumerate() {
        let text = fs::read_to_string(format!("{}/{readme}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let (_, rest) = text.split_once("```toml\n").unwrap();
        let (words, _) = rest.split_once("```").unwrap();
        assert_eq!(words.lines().count(), 15, "{readme}");
        let (bot, _file) = bot_with(&format!("readme-{number}"), words);
        check(
            &bot,
            &[
                ("请问几点开门？", "周一到周五 9:00–18:00"),
                ("菜单", HELP),
                ("词某", REFUSAL),
                ("你好", "好你"),
            ],
        );
        assert!(["成都", "重庆"].contains(&bot.answer_to("地址").as_str()));
        let welcome = bot.say(event("subscribe", "")).content();
        assert_eq!(welcome, "欢迎！发「帮助」看我会什么。");
        bot.answer_to("乐一个");
        bot.wait_for_log("POST /wechat text joke 200");
    }
}
