"""Words that carry grammar, not subject: left out of themes, keyphrases and comparisons."""

from __future__ import annotations

_ENGLISH = """
a about above across after again against all almost along already also although always am among an and another
any are around as at away back be became because become been before being below between both but by came can
cannot could did do does doing done down due during each either else enough especially etc even ever every
far few first for from further gave get gets getting give given go goes going gone good got had has have
having he hence her here hers him himself his how however i if in indeed instead into is it its itself just
keep kept know known last later least less let like likely made mainly make makes making many may maybe me
might mine more most mostly much must my myself near need never new next no nor not nothing now of off often
on once one only onto or other others our out over own per perhaps put quite rather really said same saw say
says second see seem seems seen several shall she should show shown since so some something soon still such
take taken tell than that the their them then there therefore these they thing things third this those though
three through thus to together too took toward towards two under until up upon us use used uses using usually
various very via was way ways we well went were what when where whether which while who whole whom whose why
will with within without would yes yet you your yours don doesn didn isn wasn aren won couldn wouldn shouldn
ll ve re dr mr mrs ms inc et al eg ie fig figure figures table tables section sections chapter page pages pp
vol no ed eds doi http https www com org html pdf ref respectively following example examples different based
include includes including included provide provides describe describes described discuss discusses related
large small high low number paper set
"""
_GERMAN = """
aber alle allem allen aller alles als also am an ander andere anderen auch auf aus bei beim bin bis bist da
dabei damit dann das dass dazu dem den denn der des dessen die dies diese diesem diesen dieser dieses doch
dort du durch ein eine einem einen einer eines er es etwas euch für gegen gewesen hab habe haben hat hatte
hatten hier hin hinter ich ihm ihn ihnen ihr ihre ihrem ihren ihrer im in ins ist jede jedem jeden jeder
jedes jedoch kann kein keine können könnte mehr mein mich mir mit muss nach nicht nichts noch nun nur ob oder
ohne sehr sein seine seinem seinen seiner selbst sich sie sind so solche soll sollte sondern sonst über um
und uns unser unter viel vom von vor war waren warum was weil welche welchem welchen welcher wenn werde
werden wie wieder will wir wird wirst wo wurde wurden zu zum zur zwischen sowie bzw etwa
"""
_ROMANCE = """
le la les un une des du de au aux et ou où mais donc car ne pas plus que qui quoi dont ce cet cette ces son
sa ses leur leurs mon ma mes ton ta tes notre nos votre vos il elle ils elles nous vous je tu on se en dans
par pour sur sous avec sans entre vers chez est sont était étaient être été avoir ont avait fait comme si
très aussi ainsi peut cela el los las una unos unas del al y o pero porque como más menos muy no sí que quien
cuyo este esta estos estas ese esa esos esas su sus lo le les nos se me te mi con sin sobre entre hasta desde
para por en es son era eran ser sido fue fueron estar está están ha han había hay también cuando donde todo
toda todos todas otro otra il lo gli uno di dal dalla nel nella nei nelle col con su per tra fra ma anche che
chi cui non più come questo questa questi queste quello quella sono è era erano essere stato stata ha hanno
aveva suo sua suoi sue loro si os as um uma uns umas do da dos das no na nos nas ao aos à às pelo pela com
sem sob até mas nem se não mais muito quando onde este esta isto esse essa isso seu sua seus suas ele ela
eles elas foi foram é são era ser ter tem têm het een de van en in op te voor met door bij uit naar ook niet
maar dan die dat deze dit zijn was werd worden wordt heeft hebben als aan om er nog wel geen
"""

STOPWORDS: frozenset[str] = frozenset(f"{_ENGLISH} {_GERMAN} {_ROMANCE}".split())
"""Stop words of English, German, French, Spanish, Italian, Portuguese and Dutch; lower case."""
