//! Language tags as playlists and manifests want them (RFC 5646): containers write three letters.

/// Codes of three letters (ISO 639-2, the bibliographic ones, too) with those of two letters (ISO 639-1) for the same
/// languages.
const SHORT: &str = "\
    aar=aa abk=ab afr=af aka=ak alb=sq amh=am ara=ar arg=an arm=hy asm=as ava=av ave=ae aym=ay aze=az bak=ba \
    bam=bm baq=eu bel=be ben=bn bih=bh bis=bi bod=bo bos=bs bre=br bul=bg bur=my cat=ca ces=cs cha=ch che=ce \
    chi=zh chu=cu chv=cv cor=kw cos=co cre=cr cym=cy cze=cs dan=da deu=de div=dv dut=nl dzo=dz ell=el eng=en \
    epo=eo est=et eus=eu ewe=ee fao=fo fas=fa fij=fj fin=fi fra=fr fre=fr fry=fy ful=ff geo=ka ger=de gla=gd \
    gle=ga glg=gl glv=gv gre=el grn=gn guj=gu hat=ht hau=ha heb=he her=hz hin=hi hmo=ho hrv=hr hun=hu hye=hy \
    ibo=ig ice=is ido=io iii=ii iku=iu ile=ie ina=ia ind=id ipk=ik isl=is ita=it jav=jv jpn=ja kal=kl kan=kn \
    kas=ks kat=ka kau=kr kaz=kk khm=km kik=ki kin=rw kir=ky kom=kv kon=kg kor=ko kua=kj kur=ku lao=lo lat=la \
    lav=lv lim=li lin=ln lit=lt ltz=lb lub=lu lug=lg mac=mk mah=mh mal=ml mao=mi mar=mr may=ms mkd=mk mlg=mg \
    mlt=mt mon=mn mri=mi msa=ms mya=my nau=na nav=nv nbl=nr nde=nd ndo=ng nep=ne nld=nl nno=nn nob=nb nor=no \
    nya=ny oci=oc oji=oj ori=or orm=om oss=os pan=pa per=fa pli=pi pol=pl por=pt pus=ps que=qu roh=rm ron=ro \
    rum=ro run=rn rus=ru sag=sg san=sa sin=si slk=sk slo=sk slv=sl sme=se smo=sm sna=sn snd=sd som=so sot=st \
    spa=es sqi=sq srd=sc srp=sr ssw=ss sun=su swa=sw swe=sv tah=ty tam=ta tat=tt tel=te tgk=tg tgl=tl tha=th \
    tib=bo tir=ti ton=to tsn=tn tso=ts tuk=tk tur=tr twi=tw uig=ug ukr=uk urd=ur uzb=uz ven=ve vie=vi vol=vo \
    wel=cy wln=wa wol=wo xho=xh yid=yi yor=yo zha=za zho=zh zul=zu";

/// The shortest code for a language, which is the one that players compare with (RFC 5646 2.2.1): `en` for `eng`. What is
/// no code of three letters stays as it is.
pub(crate) fn tag(language: &str) -> String {
    let (primary, rest) = language.split_once('-').map_or((language, None), |(primary, rest)| (primary, Some(rest)));
    let lower = primary.to_ascii_lowercase();
    let short = SHORT.split_ascii_whitespace().filter_map(|pair| pair.split_once('=')).find(|(long, _)| *long == lower);
    let primary = short.map_or(primary, |(_, short)| short);
    rest.map_or_else(|| primary.to_owned(), |rest| format!("{primary}-{rest}"))
}

/// Codes of three letters that only libraries use (ISO 639-2/B): containers have the others.
const BIBLIOGRAPHIC: &str = "alb arm baq bur chi cze dut fre geo ger gre ice mac mao may per rum slo tib wel";

/// The code of three letters that containers write: `eng` for `en`. Another code stays as it is.
pub(crate) fn long(language: &str) -> String {
    let is_used = |long: &&str| !BIBLIOGRAPHIC.split(' ').any(|other| other == *long);
    let pairs = SHORT.split_ascii_whitespace().filter_map(|pair| pair.split_once('='));
    let long = pairs.filter(|(_, short)| *short == language).map(|(long, _)| long).find(is_used);
    long.unwrap_or(language).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_letters_become_two_where_there_are_two() {
        for (language, expected) in [
            ("eng", "en"),
            ("ger", "de"),
            ("deu", "de"),
            ("zho", "zh"),
            ("por-BR", "pt-BR"),
            ("gsw", "gsw"),
            ("en", "en"),
        ] {
            assert_eq!(tag(language), expected);
        }
    }

    #[test]
    fn two_letters_become_the_three_of_containers() {
        for (language, expected) in [("en", "eng"), ("de", "deu"), ("zh", "zho"), ("fr", "fra"), ("yue", "yue")] {
            assert_eq!(long(language), expected);
        }
    }
}
