"""Words by which a résumé is read, in English, German, French, Spanish, Italian, Dutch, Polish, Portuguese.

All are written without accents and in lower case, as `fold` leaves a text.
"""

from __future__ import annotations

import unicodedata


def words(text: str) -> list[str]:
    """Return the words of a table written as running text."""
    return text.split()


def fold(text: str) -> str:
    """Return `text` in lower case and without accents ("Été" → "ete", "ß" → "ss", "ł" → "l")."""
    plain = unicodedata.normalize(
        "NFKD", text.casefold().replace("ł", "l").replace("ø", "o").replace("ı", "i")
    )
    return "".join(sign for sign in plain if not unicodedata.combining(sign))


HEADINGS: dict[str, str] = {
    "summary": """summary|profile|about|about me|objective|career objective|profil|kurzprofil|uber mich
    |zusammenfassung
        |resume professionnel|a propos|a propos de moi|resumen|perfil|sobre mi|profilo|riepilogo|chi sono
        |profiel|samenvatting
        |over mij|podsumowanie|o mnie|profil zawodowy|resumo|sobre mim|objetivo|personal statement
        |highlights|overview
        |personal profile|presentation|kurzvorstellung""",
    "experience": """experience|employment|employment history|work history|career history|career
    |positions|berufserfahrung
        |berufspraxis|beruflicher werdegang|werdegang|praxiserfahrung|praktische erfahrung
        |experience professionnelle
        |experiences professionnelles|experiences|parcours professionnel|emplois|experiencia
        |experiencia profesional
        |experiencia laboral|trayectoria profesional|esperienza|esperienze|esperienza professionale
        |esperienze professionali
        |esperienze lavorative|esperienza lavorativa|werkervaring|ervaring|arbeidsverleden|doswiadczenie
        |doswiadczenie zawodowe|przebieg kariery|experiencia profissional|historico profissional
        |berufstatigkeit|internships
        |praktika|stages|berufliche stationen|appointments""",
    "education": """education|academic background|academic history|qualifications|training|studies
    |ausbildung|bildungsweg
        |bildung|studium|schulbildung|akademischer werdegang|hochschulbildung|formation|formations|etudes
        |diplomes
        |educacion|formacion|formacion academica|estudios|istruzione|formazione|istruzione e formazione
        |studi|opleiding
        |opleidingen|onderwijs|wyksztalcenie|edukacja|educacao|formacao|formacao academica|escolaridade
        |schooling""",
    "skills": """skills|core skills|competences|competencies|core competencies|technologies|technology
    |tech stack|techs|tools
        |expertise|areas of expertise|know how|strengths|fahigkeiten|kenntnisse|fachkenntnisse
        |it kenntnisse|edv kenntnisse
        |kompetenzen|kernkompetenzen|fertigkeiten|technische kenntnisse|competences cles
        |competences techniques
        |competences informatiques|savoir faire|habilidades|competencias|aptitudes|conocimientos|competenze
        |competenze tecniche|capacita|abilita|vaardigheden|competenties|kennis|umiejetnosci|kompetencje
        |competencias tecnicas
        |technical skills|soft skills|hard skills|fields|programming|software|programming languages
        |frameworks|fields of expertise
        |computer skills|it skills|infrastructure|ml frameworks|research areas|stack|libraries|platforms
        |databases""",
    "languages": """languages|language skills|sprachen|sprachkenntnisse|langues|idiomas|lingue
    |conoscenze linguistiche|talen
        |talenkennis|jezyki|jezyki obce|znajomosc jezykow|linguas|competences linguistiques
        |fremdsprachen""",
    "certifications": """certifications|certificates|certification|licenses|licences
    |licenses and certifications|zertifikate
        |zertifizierungen|weiterbildung|weiterbildungen|fortbildungen|certificats|certificaciones
        |certificados|cursos
        |certificazioni|certificati|certificaten|certificeringen|cursussen|certyfikaty|kursy|szkolenia
        |certificacoes
        |courses|professional development""",
    "projects": """projects|projekte|projets|proyectos|progetti|projecten|projekty|projetos
    |research projects|side projects
        |forschungsprojekte""",
    "contact": """contact|contact details|contact information|personal details|personal information
    |kontakt|kontaktdaten
        |personliche daten|personliche angaben|zur person|coordonnees|contacto|datos personales|contatti
        |dati personali
        |contactgegevens|personalia|dane osobowe|dane kontaktowe|contato|dados pessoais
        |informations personnelles|links""",
    "other": """publications|selected publications|honors|honours|awards|selected honors
    |honors and awards|patents|talks
        |invited talks|references|referees|interests|hobbies|activities|volunteering|volunteer experience
        |achievements
        |memberships|affiliations|relevant repositories|repositories|conferences
        |extracurricular activities|teaching
        |publikationen|veroffentlichungen|auszeichnungen|referenzen|interessen|ehrenamt
        |ehrenamtliches engagement|engagement
        |mitgliedschaften|vortrage|sonstiges|loisirs|centres d'interet|benevolat
        |references professionnelles|prix
        |publicaciones|premios|intereses|voluntariado|referencias|pubblicazioni|premi|interessi
        |volontariato|referenze
        |publicaties|prijzen|hobby's|vrijwilligerswerk|referenties|publikacje|nagrody|zainteresowania
        |wolontariat
        |referencje|publicacoes|premios e distincoes|interesses|additional information|miscellaneous
        |grants|service""",
}
HEADING_KINDS: dict[str, str] = {
    " ".join(phrase.split()): kind for kind, phrases in HEADINGS.items() for phrase in phrases.split("|")
}
# Words that change nothing about what a heading announces.
HEADING_FILLERS = frozenset(
    words(
        """
    selected professional work working relevant key technical additional my further other main
    practical academic berufliche beruflicher relevante weitere besondere technische professionnelle
    principales profesional professional personal research teaching industry recent previous current
    history background details
    """
    )
)

MONTHS: dict[str, int] = {
    name: number
    for number, names in enumerate(
        [
            "january jan januar janner janvier janv enero ene gennaio gen januari stycznia styczen "
            "sty janeiro",
            "february feb februar fevrier fevr febrero febbraio febbr februari lutego luty lut fevereiro fev",
            "march mar marz mrz maerz mars marzo maart mrt marca marzec marco",
            "april apr avril avr abril abr aprile kwietnia kwiecien kwi",
            "may mai mayo maggio mag mei maja maj maio",
            "june jun juni juin junio giugno giu czerwca czerwiec cze junho",
            "july jul juli juillet juil julio luglio lug lipca lipiec lip julho",
            "august aug aout agosto ago augustus sierpnia sierpien sie",
            "september sept sep septembre septiembre settembre set wrzesnia wrzesien wrz setembro",
            "october oct oktober okt octobre octubre ottobre ott pazdziernika pazdziernik paz outubro out",
            "november nov novembre noviembre listopada listopad lis novembro",
            "december dec dezember dez decembre diciembre dic dicembre grudnia grudzien gru dezembro",
        ],
        start=1,
    )
    for name in names.split()
}
PRESENT = """present today now current currently ongoing to date heute jetzt aktuell laufend dato
 aujourd'hui aujourd’hui
 actuel present ce jour actualidad actual presente hoy oggi attuale in corso heden nu obecnie teraz
 nadal atual atualmente
 hoje""".replace("\n", " ")
PRESENT_WORDS: tuple[str, ...] = tuple(
    sorted(
        {*PRESENT.split(), "to date", "ce jour", "in corso"} - {"to", "ce", "jour", "in", "date"},
        key=len,
        reverse=True,
    )
)
SINCE_WORDS = ("since", "seit", "depuis", "desde", "dal", "da", "sinds", "od", "from", "ab")

TITLE_STEMS: tuple[str, ...] = tuple(
    words(
        """
    engineer developer intern manager director consultant analyst designer architect scientist
    researcher assistant lecturer professor teacher officer lead head chief ceo cto cfo coo cio cmo
    founder president specialist coordinator administrator technician programmer nurse physician
    doctor therapist accountant auditor lawyer attorney paralegal recruiter salesperson
    representative executive associate partner editor journalist writer author translator chef cook
    waiter driver operator mechanic electrician student tutor fellow postdoc trainee apprentice
    freelance freelancer volunteer supervisor secretary clerk cashier agent advisor adviser
    strategist planner producer photographer owner master expert entwickler ingenieur leiter berater
    mitarbeiter werkstudent praktikant referent assistent geschaftsfuhrer sachbearbeiter kaufmann
    kauffrau techniker architekt wissenschaftler hilfskraft dozent lehrer arzt pfleger pflegekraft
    verkaufer buchhalter developpeur ingenieur responsable chef charge consultant stagiaire
    directeur directrice gestionnaire technicien infirmier professeur enseignant vendeur assistante
    desarrollador desarrolladora ingeniero ingeniera gerente jefe consultor consultora becario
    director analista disenador profesor enfermera enfermero vendedor sviluppatore ingegnere
    responsabile consulente direttore tirocinante stagista impiegato progettista docente infermiere
    ontwikkelaar adviseur medewerker stagiair directeur verpleegkundige programista inzynier
    kierownik konsultant stazysta dyrektor specjalista analityk projektant nauczyciel desenvolvedor
    engenheiro gerente estagiario coordenador professor programador graduate apprenticeship admin
    employee scrum
    """
    )
)
ORGANISATION_WORDS = frozenset(
    words(
        """
    university universitat universite universidad universita universiteit uniwersytet universidade
    college school institute institut instituto istituto hochschule fachhochschule akademie academy
    politecnico politechnika ecole lycee gymnasium gmbh ag se kg ohg ug inc ltd llc plc corp
    corporation company co sa sas sarl srl spa bv nv oy ab aps sl limitada ltda group holding bank
    hospital klinik klinikum clinic ministry council agency agentur agence studio studios labs lab
    laboratories research consulting partners solutions systems technologies software foundation
    stiftung association verein museum press verlag media airlines insurance versicherung stadtwerke
    bundesamt amt
    """
    )
)
INSTITUTION_STEMS: tuple[str, ...] = tuple(
    words(
        """
    universi uniwersytet college school institut hochschule akademi academy politecnic politechni
    polytech ecole lycee liceo gymnasium schule instituto istituto faculty fakultat facult
    conservator mit eth epfl tum rwth kth caltech ucla bootcamp seminary szkola technikum liceum
    escola berufskolleg
    """
    )
)
DEGREE_PATTERN = (
    r"\b(?:ph\.?\s?d|d\.?phil|doctorate|doctor of|doktor\w*|dr\.|promotion|doctorat|doctorado"
    r"|dottorato|doutor\w*"
    r"|b\.?\s?sc?|b\.?\s?a|b\.?\s?eng|bba|llb|m\.?\s?sc?|m\.?\s?a|m\.?\s?eng|mba|mphil|llm"
    r"|m\.?\s?ed|b\.?\s?ed"
    r"|bachelor\w*|master\w*|magister\w*|diplom\w*|licence|licenciatura|licenciad[oa]|licencjat|inzynier"
    r"|grado en|maestria|laurea\w*|mestrado|graduacao|staatsexamen|abitur|baccalaureat"
    r"|bac\s?\+\s?\d|bachillerato"
    r"|maturita|matura|a[- ]levels?|gcse|hnd|btec|associate degree|certificate in|degree|ausbildung"
    r"|lehre|bts|dut"
    r"|semester abroad|auslandssemester|erasmus|exchange semester|hbo|mbo|vwo)(?!\w)"
)

LANGUAGE_NAMES: dict[str, str] = {
    alias: aliases.split()[0].replace("_", " ").title()
    for aliases in """english englisch anglais ingles inglese engels angielski
    |german deutsch allemand aleman tedesco duits niemiecki
alemao|french franzosisch francais frances francese frans francuski
|spanish spanisch espagnol espanol spagnolo spaans hiszpanski
espanhol castellano|italian italienisch italien italiano italiaans wloski
|dutch niederlandisch neerlandais neerlandes holandes
olandese nederlands niderlandzki|polish polnisch polonais polaco polacco pools polski
|portuguese portugiesisch portugais portugues
portoghese portugees portugalski|russian russisch russe ruso russo rosyjski
|ukrainian ukrainisch ukrainien ucraniano ukrainski|czech
tschechisch tcheque checo ceco czeski|slovak slowakisch|hungarian ungarisch hongrois
|romanian rumanisch roumain rumano|bulgarian
bulgarisch bulgare|greek griechisch grec griego greco|turkish turkisch turc turco turecki
|arabic arabisch arabe arabo arabski|hebrew
hebraisch hebreu|persian persisch farsi|hindi|urdu|bengali|punjabi|tamil|telugu|marathi|gujarati
|chinese chinesisch chinois chino
cinese chinees chinski|mandarin mandarino|cantonese kantonesisch
|japanese japanisch japonais japones giapponese japans japonski|korean
koreanisch coreen coreano|vietnamese vietnamesisch|thai|indonesian indonesisch|malay|tagalog filipino
|swedish schwedisch suedois sueco
svedese zweeds szwedzki|norwegian norwegisch norvegien noruego|danish danisch danois danes
|finnish finnisch finnois|icelandic
islandisch|estonian estnisch|latvian lettisch|lithuanian litauisch|croatian kroatisch croate
|serbian serbisch serbe|bosnian bosnisch
|slovenian slowenisch|albanian albanisch albanais|macedonian|catalan katalanisch catala|basque|galician
|irish|welsh|swahili kiswahili
|yoruba|igbo|hausa|amharic|somali|zulu|afrikaans|latin latein|esperanto|kurdish kurdisch|armenian
|georgian|kazakh|uzbek|mongolian|nepali
|sinhala|luxembourgish luxemburgisch|american_sign_language|maltese""".replace("\n", " ").split("|")
    for alias in aliases.replace("_", " ").split()
    if alias not in {"american", "sign", "language"}
}
LANGUAGE_LEVELS: tuple[tuple[str, str], ...] = (
    (r"\b([abc][12])\b(?:\s*[-–/]\s*[abc][12])?", "cefr"),
    (
        r"\b(?:native|mother tongue|muttersprach\w*|langue maternelle|lengua materna|nativ[oa]"
        r"|madrelingua|moedertaal|ojczysty"
        r"|lingua materna|maternelle|first language|bilingual\w*|zweisprachig|bilingue)",
        "native",
    ),
    (
        r"\b(?:fluent\w*|verhandlungssicher\w*|fliessend\w*|flussig|courant\w*|fluido|fluid[oa]"
        r"|fluente|fluently|vloeiend\w*|biegl\w*"
        r"|proficient|proficiency|full professional|business fluent|excellent|sehr gut\w*|avanzado"
        r"|advanced|avance"
        r"|fortgeschritten\w*|professional working)",
        "fluent",
    ),
    (
        r"\b(?:conversational|intermediate|good|gut|gute|konversation\w*|intermediaire|intermedio"
        r"|intermediario|gevorderd|limited working"
        r"|sredni\w*|communicat\w*|komunikatywn\w*|working knowledge|buono|bueno|bom|bon)\b",
        "intermediate",
    ),
    (
        r"\b(?:basic\w*|beginner|elementary|grundkenntnisse|anfanger\w*|notions|debutant|basico"
        r"|scolaire|elementare|base|basis\w*"
        r"|podstawow\w*|schulkenntnisse|elementar)",
        "basic",
    ),
)
CV_WORDS = frozenset(
    words(
        """
    resume cv curriculum vitae lebenslauf bewerbung portfolio page seite updated last aktualisiert
    name vitae zyciorys curriculo curricolo confidential
    """
    )
)
