//! Text in Chinese characters without kana: simplified, traditional, or Japanese.

/// Pairs of a simplified character and its traditional form, from the general table of 1986.
const PAIRS: &str = "们們国國这這个個来來时時说說会會过過对對学學发發经經还還后後里裡为為么麼没沒开開关關头頭间間问問\
题題请請谢謝钱錢话話语語读讀写寫书書买買卖賣车車东東电電视視听聽见見现現觉覺观觀认認识識让讓给給从從边邊远遠进進运運\
动動劳勞务務员員业業产產单單双雙医醫药藥疗療护護证證签簽许許续續办辦处處总總报報费費资資贷貸账賬税稅银銀行行\
险險保保雇僱应應该該当當样樣种種类類师師傅傅长長门門闭閉间間闻聞联聯系繫络絡网網线線级級约約结結组組织織终終绍紹\
练練红紅绿綠蓝藍黄黃银銀铁鐵钟鐘链鏈错錯键鍵锁鎖几幾机機权權条條极極构構树樹桥橋检檢楼樓标標档檔岁歲历歷压壓厅廳\
厂廠广廣庆慶库庫应應废廢张張弹彈强強归歸录錄彻徹忆憶忧憂怀懷态態恋戀恶惡悬懸惊驚惯慣愿願战戰戏戲户戶执執扩擴扫掃\
扰擾抢搶护護报報担擔拥擁择擇换換据據损損摄攝摆擺数數断斷无無旧舊显顯晓曉暂暫术術杀殺杂雜东東查查毕畢气氣汉漢汤湯\
泪淚泽澤洁潔济濟测測浓濃涨漲涛濤润潤滚滾满滿渐漸湾灣湿濕灭滅灯燈灵靈点點炼煉烂爛热熱爱愛爷爺状狀独獨狱獄猫貓献獻\
玛瑪环環现現电電画畫畅暢疗療疯瘋痒癢盐鹽监監盖蓋盘盤码碼础礎确確碍礙礼禮祸禍离離种種积積称稱稳穩穷窮竞競笔筆笼籠\
筑築签簽简簡粮糧紧緊纠糾纪紀纯純纳納纵縱纷紛纸紙细細经經绝絕统統继繼绩績绪緒续續维維绵綿缓緩编編缘緣缩縮缴繳罚罰\
罗羅罢罷职職聪聰肃肅肠腸肤膚胆膽胜勝脑腦脏臟脚腳脱脫脸臉腊臘腾騰舱艙舰艦艺藝节節芦蘆苏蘇苹蘋范範荐薦荣榮药藥莱萊\
获獲虑慮虽雖虾蝦蚁蟻补補装裝裤褲规規觅覓角角触觸订訂计計讨討训訓议議记記讲講许許论論设設访訪证證评評诉訴词詞译譯\
试試诗詩诚誠误誤说說请請诸諸课課谁誰调調谈談谊誼谋謀谓謂谷穀豪豪负負财財责責败敗货貨质質贩販贫貧购購贯貫贱賤贴貼\
贵貴贸貿费費贺賀贼賊赏賞赔賠赖賴赚賺赛賽赞贊赢贏赶趕趋趨跃躍践踐踪蹤车車轨軌轮輪软軟轻輕载載较較辅輔辆輛辈輩输輸\
辞辭辩辯边邊达達迁遷过過迈邁运運还還这這进進远遠违違连連迟遲适適选選递遞逻邏遗遺邮郵邻鄰郑鄭酱醬释釋针針钉釘钢鋼\
钥鑰钱錢铃鈴铜銅铺鋪链鏈销銷锅鍋错錯锻鍛镇鎮镜鏡闪閃问問闲閑间間闷悶闹鬧阅閱队隊阳陽阴陰阶階际際陆陸陈陳险險随隨\
隐隱难難雾霧静靜韩韓页頁顶頂项項顺順须須顾顧顿頓预預领領频頻题題颜顏额額风風飞飛饭飯饮飲饿餓馆館马馬驾駕骂罵骑騎\
骗騙鱼魚鲜鮮鸟鳥鸡鷄麦麥龙龍龟龜两兩严嚴丧喪丰豐临臨丽麗举舉义義乌烏乐樂乔喬习習乡鄉争爭亏虧云雲亚亞亲親亿億仅僅\
仓倉仪儀价價众眾优優伙夥伞傘伟偉传傳伤傷伦倫伪偽体體余餘侦偵侧側侨僑俩倆债債倾傾偿償储儲儿兒党黨兰蘭兴興养養兽獸\
内內册冊军軍农農冲衝决決况況冻凍净淨准準凉涼减減凤鳳凭憑击擊创創则則刚剛刘劉剧劇剑劍剩剩办辦劝勸励勵劲勁势勢勋勳\
区區协協华華卢盧卫衛却卻厉厲厌厭厕廁参參双雙变變叙敘叶葉号號叹嘆吁籲吗嗎启啟吴吳呐吶员員响響哑啞唤喚啰囉\
团團园園围圍图圖圆圓圣聖场場坏壞块塊坚堅坛壇坟墳垒壘声聲壳殼备備复復够夠夹夾夺奪奋奮奖獎妇婦妈媽娱娛婴嬰孙孫\
宁寧宝寶实實审審宪憲宫宮宽寬宾賓对對寻尋导導将將尔爾尘塵尝嘗尽盡层層届屆属屬岛島岭嶺币幣帅帥师師帐帳带帶帮幫干幹\
并並庄莊异異弃棄当當彩彩径徑爱愛惩懲悦悅拟擬挂掛挤擠挥揮携攜敌敵斗鬥时時术術杨楊极極桌桌横橫欢歡残殘沟溝浅淺\
烦煩疮瘡窗窗线線脉脈虫蟲衬襯谅諒贝貝踏踏钻鑽锋鋒镑鎊队隊阵陣雇僱颗顆馈饋骄驕黑黑齐齊齿齒昵暱";

/// Characters whose simplified form of China is also the form of Japan: they speak against traditional
/// Chinese only.
const SHARED_WITH_JAPAN: &str = "国学会来体点台号参写旧独当麦欠党区医円声宝将尽条気争双虫礼糸灯与随余予献断数\
担万乱余並属寿届峡励図猫画痴称窃継蛮触誉踏践辞連頼駅宿床座并奥湿滝潜為焼献痩労処党写双参台号嘱囲圧壮尽惨慎戻挟択\
挿昼晩暦条来欧毎歩残浅温状独献画礼秘稲穏窓粋糸経総声脚荘虫蚕蛍装覚触訳証誉読変豊賛辺逓遅郷酔醸釈銭鋳錬録関陥隠\
随険隣霊静顔駆験髄髪麦黄黒斎齢内";

/// Forms that only Japan writes (new character forms of 1946 that differ from both Chinese forms, and its
/// own characters).
const JAPANESE_ONLY: &str = "気図円対戦売読広験権価仏県労働込辻畑峠駅駆鉄銭錬録経続継総絵縄緑繊訳証誉譲説説覧観視\
変豊賛転軽辺遅郷郵酔釈闘関陥隠険隣雑霊頼顕顔髪鶏麺黒黙齢歯歳竜亀斎斉剤済両亜仮伝佐併価倹偽傑児党処凶剣剰効勅勲勧\
匂単厳収圏団囲圧塁塩壊壌増墨壱売変奥奨姉姫嬢実宴寛専将巣帰帯広庁廃弁弐弾従徳応恒恵悩悪惨戯戸戻払抜択拝拠拡挙挿捜掲\
摂撃斉斎晩暁暦枠柵桜桟検楽概様槌樫歓歩歴残殴毎沢浄涙渇渉渋渓温滝漢澤瀬焼煕犠獣瑠璃瓶畳疎発皐盗県砕碁禅稲穀穂穏窓粛粧糸\
絶綱縁縦繁纖缶聴胆脳臓舎舗荘薫薬蔵薪虚蛍衛褒覇触訃謡謹豪践跡軸転輌逓遥酢鉱鉢錆鎮随雰靭頬頻駄騒髄鬱魅鰻鳩鶴麿々〆ヶ";

/// Everyday words of Japanese work and residence that Chinese does not write this way.
const JAPANESE_WORDS: &[&str] = &[
    "給料",
    "給与",
    "会社",
    "残業",
    "在留",
    "手続",
    "申請書",
    "株式",
    "有給",
    "退職",
    "社長",
    "仕事",
    "病院",
    "家賃",
    "大丈夫",
    "通訳",
    "電話番号",
    "試験",
    "実習",
    "監理団体",
    "登録支援",
    "特定技能",
    "転職",
    "契約書",
    "労働条件",
    "保険証",
    "税金",
    "住民票",
    "市役所",
    "弁護士",
    "休暇",
    "出産",
    "育児",
    "時間外",
    "週間",
    "了解",
    "無料",
    "有料",
    "名前",
    "誕生日",
    "写真",
    "予約",
    "変更",
    "確認",
    "連絡先",
    "連絡",
    "相談",
    "未払",
    "東京",
    "大阪",
    "日本語",
];

/// What Chinese characters alone tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Han {
    Simplified,
    Traditional,
    Japanese,
    /// All characters are common to both Chinese orthographies (and often to Japanese).
    Undecided,
}

/// The character lists as sets, built once.
pub struct HanLists {
    simplified: Vec<char>,
    traditional: Vec<char>,
    shared: Vec<char>,
    japanese: Vec<char>,
}

impl HanLists {
    /// Splits and sorts the lists.
    pub fn new() -> Self {
        let chars: Vec<char> = PAIRS.chars().collect();
        let mut simplified = Vec::new();
        let mut traditional = Vec::new();
        for pair in chars.chunks_exact(2).filter(|p| p[0] != p[1]) {
            simplified.push(pair[0]);
            traditional.push(pair[1]);
        }
        let mut shared: Vec<char> = SHARED_WITH_JAPAN.chars().collect();
        for list in [&mut simplified, &mut traditional, &mut shared] {
            list.sort_unstable();
            list.dedup();
        }
        shared.retain(|c| simplified.binary_search(c).is_ok());
        let mut japanese: Vec<char> = JAPANESE_ONLY.chars().collect();
        japanese.sort_unstable();
        japanese.dedup();
        japanese.retain(|c| simplified.binary_search(c).is_err() && traditional.binary_search(c).is_err());
        Self { simplified, traditional, shared, japanese }
    }

    /// Judges a text that has Chinese characters and no kana.
    pub fn judge(&self, text: &str) -> Han {
        let has = |list: &[char], c: char| list.binary_search(&c).is_ok();
        let (mut simplified, mut shared, mut traditional, mut japanese) = (0, 0, 0, 0);
        for c in text.chars() {
            if has(&self.shared, c) {
                shared += 1;
            } else if has(&self.simplified, c) {
                simplified += 1;
            } else if has(&self.traditional, c) {
                traditional += 1;
            } else if has(&self.japanese, c) {
                japanese += 1;
            }
        }
        let words = JAPANESE_WORDS.iter().filter(|w| text.contains(**w)).count();
        let function_words = [
            "的", "我", "你", "是", "他", "她", "們", "们", "嗎", "吗", "這", "这", "沒", "没", "什麼", "哪",
            "可以", "怎", "吧", "呢", "很", "也", "您",
        ];
        let chinese = function_words.iter().filter(|w| text.contains(**w)).count();
        let mixed = shared > 0 && traditional > 0 && simplified == 0;
        if chinese == 0 && simplified == 0 && (japanese + words > 0 || mixed) {
            return Han::Japanese;
        }
        match (simplified + shared, traditional) {
            (0, 0) => Han::Undecided,
            (s, t) if s > t => Han::Simplified,
            (s, t) if t > s => Han::Traditional,
            _ if simplified > 0 => Han::Simplified,
            _ => Han::Traditional,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orthographies_are_told_apart() {
        let lists = HanLists::new();
        for (text, expected) in [
            ("我的工资还没有发", Han::Simplified),
            ("我的薪水還沒有發", Han::Traditional),
            ("我想换工作，需要什么手续？", Han::Simplified),
            ("請問簽證怎麼延長？", Han::Traditional),
            ("在留資格更新", Han::Japanese),
            ("残業代未払", Han::Japanese),
            ("会社名変更", Han::Japanese),
            ("在哪里可以更新在留卡？", Han::Simplified),
            ("你好", Han::Undecided),
        ] {
            assert_eq!(lists.judge(text), expected, "{text}");
        }
    }

    #[test]
    fn the_lists_do_not_contradict_each_other() {
        let lists = HanLists::new();
        assert!(lists.simplified.len() > 400 && lists.japanese.len() > 80);
        assert!(lists.japanese.iter().all(|c| !lists.traditional.contains(c)));
        assert!(lists.shared.iter().all(|c| lists.simplified.contains(c)));
    }
}
