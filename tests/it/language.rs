//! What visitors write: is its language told rightly, and is confidence honest?

use std::sync::LazyLock;

use madoguchi::language::tag::{LangTag, routing_group};
use madoguchi::language::{Conversation, Detector, Suggestion};

static DETECTOR: LazyLock<Detector> = LazyLock::new(Detector::new);

/// Sentences of our own about work, wages, papers and daily life.
const SENTENCES: &[(&str, [&str; 6])] = &[
    (
        "ja",
        [
            "先月の給料がまだ振り込まれていません。",
            "在留カードの更新はどこでできますか。",
            "会社をやめたいです",
            "残業代が出ません",
            "病院に行きたいのですが、日本語が話せません。",
            "ありがとうございました",
        ],
    ),
    (
        "en",
        [
            "My company has not paid my overtime for two months.",
            "Where can I renew my residence card?",
            "I want to change my job",
            "Thank you very much",
            "My boss keeps my passport and I am afraid.",
            "How long does the visa take?",
        ],
    ),
    (
        "vi",
        [
            "Công ty chưa trả lương tháng trước cho tôi.",
            "Tôi muốn gia hạn thẻ lưu trú thì làm ở đâu?",
            "Tôi muốn chuyển việc",
            "Cảm ơn anh chị nhiều",
            "Giám đốc giữ hộ chiếu của tôi",
            "Hôm nay tôi bị ốm, xin nghỉ một ngày.",
        ],
    ),
    (
        "id",
        [
            "Gaji saya bulan lalu belum dibayar oleh perusahaan.",
            "Bagaimana cara memperpanjang kartu izin tinggal?",
            "Saya ingin pindah kerja karena sering lembur",
            "Terima kasih atas bantuannya",
            "Bisa tidak saya ambil cuti besok?",
            "Paspor saya ditahan kantor, saya harus bagaimana?",
        ],
    ),
    (
        "ms",
        [
            "Syarikat saya belum bayar gaji bulan lepas.",
            "Bagaimana saya hendak memperbaharui kad pemastautin?",
            "Saya nak tukar kerja sebab selalu kerja lebih masa",
            "Bolehkah saya ambil cuti esok?",
            "Majikan simpan pasport saya, apa yang perlu saya buat?",
            "Awak boleh cakap bahasa Melayu tak?",
        ],
    ),
    (
        "fil",
        [
            "Hindi pa po binabayaran ng kompanya ang sahod ko.",
            "Saan po ako pwedeng mag-renew ng residence card?",
            "Gusto ko pong lumipat ng trabaho",
            "Maraming salamat po sa tulong ninyo",
            "Hawak ng amo ko ang pasaporte ko",
            "May sakit ako ngayon, hindi ako makakapasok.",
        ],
    ),
    (
        "th",
        [
            "บริษัทยังไม่จ่ายเงินเดือน",
            "ต่ออายุบัตรพำนักได้ที่ไหน",
            "อยากเปลี่ยนงานค่ะ",
            "ขอบคุณมากครับ",
            "นายจ้างเก็บหนังสือเดินทางของฉันไว้",
            "วันนี้ป่วย ขอลาหนึ่งวัน",
        ],
    ),
    (
        "my",
        [
            "ကုမ္ပဏီက လစာ မပေးသေးပါဘူး။",
            "နေထိုင်ခွင့်ကတ် ဘယ်မှာ သက်တမ်းတိုးရမလဲ။",
            "အလုပ်ပြောင်းချင်ပါတယ်",
            "ကျေးဇူးတင်ပါတယ်",
            "သူဌေးက ပတ်စပို့ သိမ်းထားတယ်",
            "ဒီနေ့ နေမကောင်းဘူး",
        ],
    ),
    (
        "km",
        [
            "ក្រុមហ៊ុនមិនទាន់បើកប្រាក់ខែឲ្យខ្ញុំទេ",
            "តើខ្ញុំបន្តប័ណ្ណស្នាក់នៅនៅឯណា?",
            "ខ្ញុំចង់ប្តូរការងារ",
            "អរគុណច្រើន",
            "ថៅកែរក្សាទុកលិខិតឆ្លងដែនរបស់ខ្ញុំ",
            "ថ្ងៃនេះខ្ញុំឈឺ",
        ],
    ),
    (
        "lo",
        [
            "ບໍລິສັດຍັງບໍ່ຈ່າຍເງິນເດືອນ",
            "ຕໍ່ບັດຢູ່ອາໄສໄດ້ຢູ່ໃສ",
            "ຂ້ອຍຢາກປ່ຽນວຽກ",
            "ຂອບໃຈຫຼາຍໆ",
            "ນາຍຈ້າງເກັບໜັງສືຜ່ານແດນ",
            "ມື້ນີ້ຂ້ອຍບໍ່ສະບາຍ",
        ],
    ),
    (
        "ne",
        [
            "कम्पनीले मेरो गत महिनाको तलब दिएको छैन।",
            "रेसिडेन्स कार्ड कहाँ नवीकरण गर्ने हो?",
            "म काम बदल्न चाहन्छु",
            "धेरै धन्यवाद दाइ",
            "साहुले मेरो राहदानी राखेको छ",
            "आज म बिरामी छु, बिदा चाहियो",
        ],
    ),
    (
        "hi",
        [
            "कंपनी ने मेरी पिछले महीने की तनख्वाह नहीं दी है।",
            "रेजिडेंस कार्ड कहाँ से रिन्यू होगा?",
            "मैं नौकरी बदलना चाहता हूँ",
            "आपका बहुत धन्यवाद",
            "मालिक ने मेरा पासपोर्ट रख लिया है",
            "आज मेरी तबीयत ठीक नहीं है",
        ],
    ),
    (
        "bn",
        [
            "কোম্পানি আমার বেতন দেয়নি।",
            "রেসিডেন্স কার্ড কোথায় নবায়ন করব?",
            "আমি চাকরি বদলাতে চাই",
            "অনেক ধন্যবাদ",
            "মালিক আমার পাসপোর্ট রেখে দিয়েছে",
            "আজ আমি অসুস্থ",
        ],
    ),
    (
        "si",
        [
            "සමාගම මගේ වැටුප ගෙව්වේ නැහැ",
            "පදිංචි කාඩ්පත අලුත් කරන්නේ කොහෙද?",
            "මට රැකියාව මාරු කරන්න ඕනේ",
            "බොහොම ස්තුතියි",
            "මගේ ගමන් බලපත්‍රය ළඟ නැහැ",
            "අද මට අසනීපයි",
        ],
    ),
    (
        "ta",
        [
            "நிறுவனம் என் சம்பளத்தை கொடுக்கவில்லை",
            "குடியிருப்பு அட்டையை எங்கே புதுப்பிப்பது?",
            "எனக்கு வேலை மாற வேண்டும்",
            "மிக்க நன்றி",
            "முதலாளி என் கடவுச்சீட்டை வைத்திருக்கிறார்",
            "இன்று எனக்கு உடல்நிலை சரியில்லை",
        ],
    ),
    (
        "ur",
        [
            "کمپنی نے میری پچھلے مہینے کی تنخواہ نہیں دی۔",
            "رہائشی کارڈ کہاں سے بنے گا؟",
            "میں نوکری بدلنا چاہتا ہوں",
            "آپ کا بہت شکریہ",
            "مالک نے میرا پاسپورٹ رکھ لیا ہے",
            "آج میری طبیعت ٹھیک نہیں ہے",
        ],
    ),
    (
        "uz-Latn",
        [
            "Kompaniya o‘tgan oylik maoshimni bermadi.",
            "Yashash kartasini qayerda uzaytirsam bo'ladi?",
            "Men ishimni o'zgartirmoqchiman",
            "Katta rahmat sizga",
            "Xo'jayin pasportimni olib qo'ygan",
            "Bugun kasalman, ishga bora olmayman",
        ],
    ),
    (
        "uz-Cyrl",
        [
            "Компания ўтган ойлик маошимни бермади.",
            "Яшаш картасини қаерда узайтирсам бўлади?",
            "Мен ишимни ўзгартирмоқчиман",
            "Катта раҳмат сизга",
            "Хўжайин паспортимни олиб қўйган",
            "Бугун касалман, ишга бора олмайман",
        ],
    ),
    (
        "mn",
        [
            "Компани өнгөрсөн сарын цалинг минь өгөөгүй байна.",
            "Оршин суух картаа хаана сунгуулах вэ?",
            "Би ажлаа солихыг хүсэж байна",
            "Маш их баярлалаа",
            "Дарга миний паспортыг авчихсан",
            "Өнөөдөр би өвчтэй байна",
        ],
    ),
    (
        "ky",
        [
            "Компания өткөн айдагы айлыгымды бере элек.",
            "Жашоо картасын кайда узартсам болот?",
            "Мен жумушумду алмаштырайын дедим эле",
            "Чоң рахмат сизге",
            "Кожоюн паспортумду алып койгон",
            "Бүгүн ооруп жатам, жумушка бара албайм",
        ],
    ),
    (
        "tg",
        [
            "Ширкат музди моҳи гузаштаи маро надодааст.",
            "Корти истиқоматро дар куҷо дароз кардан мумкин аст?",
            "Ман мехоҳам ҷойи коромро иваз кунам",
            "Ташаккури зиёд ба шумо",
            "Соҳибкор шиносномаи маро гирифтааст",
            "Имрӯз ман бемор ҳастам",
        ],
    ),
    (
        "zh-Hans",
        [
            "公司还没有发上个月的工资。",
            "在哪里可以更新在留卡？",
            "我想换工作",
            "谢谢你们的帮助",
            "老板拿走了我的护照",
            "今天我生病了，想请假。",
        ],
    ),
    (
        "zh-Hant",
        [
            "公司還沒有發上個月的薪水。",
            "在哪裡可以更新在留卡？",
            "我想換工作",
            "謝謝你們的幫助",
            "老闆拿走了我的護照",
            "今天我生病了，想請假。",
        ],
    ),
    (
        "ko",
        [
            "회사에서 지난달 월급을 주지 않았어요.",
            "재류카드는 어디서 갱신하나요?",
            "직장을 바꾸고 싶어요",
            "정말 감사합니다",
            "사장님이 제 여권을 가지고 있어요",
            "오늘 아파서 쉬고 싶어요",
        ],
    ),
    (
        "pt",
        [
            "A empresa ainda não pagou o meu salário do mês passado.",
            "Onde posso renovar o cartão de residência?",
            "Quero mudar de emprego",
            "Muito obrigado pela ajuda",
            "O chefe ficou com o meu passaporte",
            "Hoje estou doente e não posso trabalhar",
        ],
    ),
    (
        "es",
        [
            "La empresa todavía no me ha pagado el sueldo del mes pasado.",
            "¿Dónde puedo renovar la tarjeta de residencia?",
            "Quiero cambiar de trabajo",
            "Muchas gracias por la ayuda",
            "El jefe se quedó con mi pasaporte",
            "Hoy estoy enfermo y no puedo trabajar",
        ],
    ),
];

/// The same in Latin letters, as people type it, written apart from the program's word lists.
const ROMANISED: &[(&str, [&str; 9])] = &[
    (
        "hi-Latn",
        [
            "Company ne meri pichle mahine ki tankhwah nahi di hai",
            "Residence card kahan se renew hoga?",
            "Main naukri badalna chahta hoon",
            "Aapka bahut dhanyavaad",
            "Malik ne mera passport rakh liya hai",
            "Aaj meri tabiyat theek nahi hai",
            "Overtime ka paisa kab milega bhai",
            "Mujhe doctor ke paas jaana hai",
            "Kya aap meri madad kar sakte hain?",
        ],
    ),
    (
        "ne-Latn",
        [
            "Company le mero talab diyeko chhaina",
            "Residence card kaha renew garne ho?",
            "Ma kaam badalna chahanchhu",
            "Dherai dhanyabad dai",
            "Sahu le mero passport rakheko chha",
            "Aaja ma birami chhu, bida chahiyo",
            "Overtime ko paisa kahile pauchhu",
            "Malai doctor kaha jana parchha",
            "Tapai le malai sahayog garna saknuhunchha?",
        ],
    ),
    (
        "bn-Latn",
        [
            "Company amar beton deyni",
            "Residence card kothay nobayon korbo?",
            "Ami chakri bodlate chai",
            "Onek dhonnobad bhai",
            "Malik amar passport rekhe diyeche",
            "Aaj ami oshustho",
            "Overtime er taka kobe pabo",
            "Amar doctor er kache jete hobe",
            "Apni ki amake sahajjo korte parben?",
        ],
    ),
];

fn tag(text: &str) -> LangTag {
    text.parse().unwrap()
}

#[test]
fn what_visitors_write_is_recognised() {
    let mut wrong = Vec::new();
    for (language, sentences) in SENTENCES {
        for sentence in sentences {
            let found = DETECTOR.detect(sentence, None).known().map(|(tag, _)| tag);
            if found != Some(tag(language)) {
                wrong.push(format!("{language} as {found:?}: {sentence}"));
            }
        }
    }
    let all = SENTENCES.len() * 6;
    println!("{} of {all} sentences recognised", all - wrong.len());
    assert!(wrong.len() * 100 <= all * 3, "{} of {all} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn what_is_typed_in_latin_letters_is_mostly_recognised() {
    let mut wrong = Vec::new();
    for (language, sentences) in ROMANISED {
        let before = wrong.len();
        for sentence in sentences {
            let found = DETECTOR.detect(sentence, None).known();
            if found.as_ref().map(|(tag, _)| tag) != Some(&tag(language)) {
                wrong.push(format!("{language} as {found:?}: {sentence}"));
            }
        }
        println!("{language}: {} of {} sentences recognised", 9 + before - wrong.len(), sentences.len());
    }
    let all = ROMANISED.len() * 9;
    assert!(wrong.len() * 100 <= all * 15, "{} of {all} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_sure_answer_reaches_agents_of_the_right_language() {
    for (language, sentences) in SENTENCES {
        for sentence in sentences {
            if let Some((found, confidence)) = DETECTOR.detect(sentence, None).known()
                && confidence >= 0.8
            {
                assert_eq!(routing_group(&found), routing_group(&tag(language)), "{sentence} ({confidence})");
            }
        }
    }
}

#[test]
fn two_sentences_in_another_language_make_an_offer_and_nothing_is_switched_silently() {
    let mut talk = Conversation::new(tag("en"));
    let say =
        |talk: &mut Conversation, text: &str| talk.observe(&DETECTOR.detect(text, Some(&talk.chosen())));
    assert_eq!(say(&mut talk, "Hello, I need help with my contract please"), Suggestion::Keep);
    assert_eq!(say(&mut talk, "Công ty chưa trả lương tháng trước cho tôi."), Suggestion::Keep);
    assert_eq!(say(&mut talk, "👍"), Suggestion::Keep);
    assert_eq!(say(&mut talk, "Giám đốc giữ hộ chiếu của tôi"), Suggestion::OfferSwitch(tag("vi")));
    assert_eq!(talk.chosen(), tag("en"));
}
