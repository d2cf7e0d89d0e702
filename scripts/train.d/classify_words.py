"""Words of the documents that classify_documents.py generates: labels by language, sentences by topic. Written for this project."""

LOCALES = {
    'en': ['en_US', 'en_GB', 'en_CA', 'en_IN'], 'de': ['de_DE', 'de_AT', 'de_CH'], 'fr': ['fr_FR', 'fr_CA'], 'es': ['es_ES', 'es_MX'],
    'it': ['it_IT'], 'nl': ['nl_NL'], 'pt': ['pt_PT', 'pt_BR'], 'pl': ['pl_PL'], 'sv': ['sv_SE'], 'ru': ['ru_RU'], 'zh': ['zh_CN'],
    'ja': ['ja_JP'],
}  # fmt: skip
SHARES = {'en': 48, 'de': 11, 'fr': 9, 'es': 8, 'it': 6, 'nl': 3, 'pt': 4, 'pl': 2, 'sv': 2, 'ru': 2, 'zh': 3, 'ja': 2}

# nouns, verbs in the third person, adjectives
TOPICS = {
    'software': ('server|database|compiler|scheduler|cache|protocol|queue|module|interface|kernel|thread|packet|container|index|parser|gateway', 'stores|sends|compiles|indexes|replicates|monitors|encrypts|validates|loads|schedules', 'distributed|asynchronous|secure|idle|nested|open|remote|parallel|legacy'),
    'medicine': ('patient|dose|symptom|clinic|therapy|vaccine|tissue|protein|trial|nurse|infection|diagnosis|receptor|cohort|surgery|biomarker', 'reduces|treats|inhibits|reveals|prevents|affects|triggers|measures|requires|improves', 'chronic|acute|clinical|adverse|elderly|randomised|oral|severe|placebo'),
    'finance': ('market|bond|portfolio|loan|investor|dividend|account|budget|deposit|asset|share|credit|premium|liability|interest rate|cash flow', 'raises|invests|borrows|repays|hedges|values|issues|exceeds|declines|yields', 'quarterly|annual|liquid|volatile|net|fixed|deferred|unsecured|fiscal'),
    'construction': ('beam|foundation|contractor|concrete|roof|permit|scaffold|pipe|window|insulation|site|crane|wall|drain|floor|valve', 'supports|carries|covers|connects|replaces|installs|inspects|seals|withstands|fits', 'structural|load-bearing|precast|waterproof|temporary|external|concealed|galvanised'),
    'biology': ('species|gene|cell|habitat|bird|forest|enzyme|larva|population|mutation|leaf|predator|genome|soil|seed|reef', 'grows|feeds|migrates|expresses|divides|colonises|adapts|declines|produces|encodes', 'endemic|aquatic|juvenile|dominant|rare|wild|invasive|diverse'),
    'physics': ('particle|field|detector|photon|spectrum|laser|plasma|energy|orbit|wave|lattice|magnet|sample|temperature|pressure|signal', 'emits|absorbs|scatters|oscillates|decays|couples|diverges|varies|interferes|propagates', 'coherent|thermal|quantum|magnetic|optical|stable|relativistic|linear'),
    'education': ('student|teacher|school|course|lesson|exam|curriculum|library|grade|university|seminar|campus|scholarship|pupil|textbook|skill', 'teaches|learns|attends|enrols|assesses|completes|explains|graduates|reads|discusses', 'secondary|academic|rural|bilingual|optional|mandatory|gifted|vocational'),
    'transport': ('train|road|bridge|harbour|bus|passenger|truck|airport|tunnel|driver|route|station|ferry|cargo|bicycle|signal', 'connects|delays|carries|crosses|departs|arrives|transports|blocks|serves|overtakes', 'regional|crowded|electric|northern|elevated|scenic|narrow|daily'),
    'energy': ('turbine|grid|battery|boiler|pipeline|panel|reactor|meter|fuel|heat pump|substation|generator|load|emission|power plant|tariff', 'generates|consumes|supplies|stores|converts|saves|emits|balances|peaks|heats', 'renewable|offshore|solar|peak|efficient|fossil|thermal|decentralised'),
    'food': ('bread|cheese|recipe|restaurant|coffee|harvest|wine|farm|kitchen|menu|vegetable|chef|bakery|apple|market stall|spice', 'bakes|serves|roasts|ripens|tastes|sells|grows|mixes|orders|ferments', 'fresh|organic|local|sour|seasonal|homemade|vegan|frozen'),
    'sport': ('team|coach|goal|match|season|stadium|player|tournament|race|medal|league|referee|final|runner|club|injury', 'scores|wins|loses|trains|defends|qualifies|celebrates|signs|misses|leads', 'unbeaten|young|professional|injured|home|decisive|late|female'),
    'politics': ('minister|parliament|election|law|council|vote|party|mayor|treaty|campaign|reform|senator|border|coalition|tax|protest', 'announces|rejects|debates|supports|criticises|promises|signs|delays|proposes|demands', 'public|federal|liberal|controversial|foreign|urgent|local|conservative'),
    'art': ('museum|painting|novel|concert|actor|film|gallery|sculpture|composer|audience|stage|poem|exhibition|orchestra|director|dance', 'shows|performs|paints|writes|opens|inspires|premieres|sings|tours|depicts', 'modern|famous|abstract|historic|silent|classical|experimental|popular'),
    'business': ('customer|supplier|product|warehouse|order|employee|manager|brand|branch|contract|sales team|project|delivery|stock|meeting|machine', 'ships|orders|hires|launches|plans|reviews|manages|produces|delivers|approves', 'international|annual|new|reliable|leading|small|overdue|internal'),
}  # fmt: skip

PLAIN = (
    'The {a} {n} {v} the {n}.|A {n} {v} every {n} in the {a} {n}.|In {year}, the {n} {v} more than {num} times.|When the {n} {v}, the {a} {n} changes.|'
    'It is known that the {n} {v} the {a} {n} and its {n}.|Each {n} of the {n} {v} a {a} {n}, which is why the {n} matters.|'
    'About {num} percent of all cases concern the {a} {n}.|The {n} and the {n} are {a}, while the {n} {v} the {n}.|'
    'Between {year} and {year2} the number of {n}s rose from {num} to {num2}.|Without the {n}, no {a} {n} {v} the {n}.'
).split('|')  # fmt: skip

SAID = (
    '“The {n} {v} the {n},” {name} said on {day}.|{name}, {num}, told reporters that the {a} {n} was safe.|According to {name}, the {n} {v} the {n} again this week.|'
    'Police said the {n} was found near the {n} in {city} on {day}.|The {n} {v} the {n} despite protests, a spokesman for {company} said.|'
    '{city} ({agency}) — The {a} {n} of {city} {v} the {n}, officials said {day}.|“We have never seen such a {a} {n},” said {name}, who lives in {city}.|'
    'The decision came a day after {name} met the {n}.|Last year, about {num} people joined the {n}.|{name} declined to comment.'
).split('|')  # fmt: skip

SCIENCE = (
    'In this paper, we propose a {a} {n} that {v} the {n} [{ref}].|We show that the {n} {v} the {n} with an accuracy of {num}.{num2} % (p < 0.05).|'
    'Previous work has focused on the {a} {n} [{ref}, {ref2}], whereas our method considers the {n}.|{surname} et al. [{ref}] introduced a {a} {n} for the {n}.|'
    'The results in Table {d} indicate that the {n} {v} the {n}.|Figure {d} shows the {n} as a function of the {n}.|Let x denote the {n} and let y be the {a} {n}.|'
    'Our experiments on {num} samples demonstrate that the {n} {v} ({surname} et al., {year}).|This work was supported by grant {num}{num2} of the {company} foundation.|'
    'To the best of our knowledge, this is the first study of the {a} {n}.|We hypothesise that the {n} {v} the {n} because of its {a} {n}.|'
    'The remainder of this paper is organised as follows: Section {d} describes the {n}.'
).split('|')  # fmt: skip

FINDINGS = (
    'The {n} increased by {num} percent compared with {year}.|We recommend that {company} reviews its {n} and the {a} {n}.|This report presents the findings of the review of the {n}.|'
    'Key finding {d}: the {n} {v} the {a} {n}.|Overall, the {n} was rated as medium risk.|The assessment was carried out between {month} {year} and {month2} {year2}.|'
    'In the fiscal year {year}, revenue from the {n} amounted to {num}.{d} million.|Table {d} summarises the {a} {n} by region.|'
    'The team interviewed {num} employees and examined {num2} records of the {n}.|Management agreed with the recommendation and will replace the {n} by {month} {year2}.|'
    'An attacker who controls the {n} could bypass the {a} {n}.|As shown in Figure {d}, the {n} {v} the {n} in most regions.'
).split('|')  # fmt: skip

STEPS = (
    'Press the {n} button for {d} seconds until the {n} lights up.|Connect the {n} to the {a} {n} before you switch it on.|Click {N} > {N} and select the {a} {n}.|'
    'Make sure that the {n} is not connected to the {n}.|To change the {n}, open the {n} menu and choose {N}.|Remove the {n} and clean it with a dry cloth.|'
    'Set the option {n} to {num} and restart the {n}.|If the {n} does not start, check the {n} and see chapter {d}.|The following command installs the {n}:|'
    'WARNING: Risk of injury! Never open the {n} while the {n} is running.|NOTE: The {n} is only available in version {d}.{d} and later.|'
    'The function returns the {n} of the {a} {n}, or None if there is no {n}.|By default, the {n} {v} the {n} every {num} seconds.|Insert the {n} into the {n} as shown in figure {d}.'
).split('|')  # fmt: skip

CLAUSES = (
    'The {role1} shall provide the {n} to the {role2} in accordance with this Agreement.|Neither Party shall be liable for any {a} damages arising out of the {n}.|'
    'This Agreement shall be governed by and construed in accordance with the laws of {state}.|The {role2} agrees to pay the {role1} within {num} days of receipt of the {n}.|'
    'Either Party may terminate this Agreement upon {num} days prior written notice.|All {n}s are and shall remain the sole property of the {role1}.|'
    'The {role2} hereby represents and warrants that it has full power to enter into this Agreement.|If any provision hereof is held invalid, the remaining provisions shall remain in full force.|'
    'Any notice under this Agreement shall be in writing and delivered to the {n}.|The {role1} shall indemnify and hold harmless the {role2} against all claims relating to the {n}.|'
    'Confidential Information shall not be disclosed to any third party without prior written consent.|No amendment shall be effective unless signed by both Parties.|'
    'For purposes of this Agreement, “{N}” means the {a} {n} described in Exhibit A.|The Tenant shall maintain the Premises, including the {n}, in good condition.'
).split('|')  # fmt: skip

TALK = (
    'I am writing to inform you about the {n} that we discussed on {date}.|Thank you for your letter of {date} regarding the {a} {n}.|We are pleased to offer you the position in our {n} department.|'
    'Please find enclosed the documents about the {n}.|Unfortunately, the {n} was not delivered on time, and we ask you to refund the {n}.|I would be grateful for an opportunity to discuss the {n} with you.|'
    'We regret to inform you that your application for the {n} was not successful.|As your {n}, I have always valued the {a} {n}.|If you have any questions about the {n}, please do not hesitate to contact me.|'
    'It was a pleasure to meet you and to hear about your {n}.|With more than {d} years in the {n}, I am confident that I can contribute to {company}.|Let me tell you what happened with the {n} last week.|'
    'I hope that you and your family are well, and that the {n} is better now.|Your {n} will expire on {date}; please renew it before then.'
).split('|')  # fmt: skip

# Of the other languages: sentences by genre.
FOREIGN = {
    'de': {
        'plain': 'Der Betrieb wurde im Jahr {year} umgestellt und seither mehrfach erweitert.|Die Anlage versorgt rund {num} Haushalte in {city} mit Strom.|Im Vergleich zum Vorjahr stieg die Zahl um {d} Prozent.|Das Gebäude wurde nach langer Planung fertiggestellt und der Öffentlichkeit übergeben.|Viele Beschäftigte nutzen das neue Angebot der Firma {company}.',
        'said': '„Wir haben lange darauf gewartet“, sagte {name} am {day}.|Wie die Polizei mitteilte, wurde bei dem Unfall in {city} niemand verletzt.|{city} (dpa) – Die Ministerin hat die Pläne am {day} vorgestellt.|Nach Angaben eines Sprechers von {company} sind rund {num} Menschen betroffen.|Der Bürgermeister von {city} kritisierte die Entscheidung scharf.',
        'science': 'In dieser Arbeit wird ein Verfahren vorgestellt, das die Messung verbessert [{ref}].|Abbildung {d} zeigt den Verlauf der Temperatur.|Die Ergebnisse bestätigen die Hypothese von {surname} et al. ({year}).|Tabelle {d} fasst die Messwerte zusammen.',
        'findings': 'Der Bericht fasst die Ergebnisse der Prüfung für das Geschäftsjahr {year} zusammen.|Der Umsatz stieg im Berichtsjahr um {d} Prozent auf {num} Millionen Euro.|Wir empfehlen, die Abläufe bis {month} {year2} zu überarbeiten.|Die Mängel wurden bei der Begehung am {date} festgestellt.',
        'steps': 'Drücken Sie die Taste {d} Sekunden lang, bis die Anzeige leuchtet.|Schließen Sie das Gerät an die Stromversorgung an.|Achtung: Verletzungsgefahr! Öffnen Sie niemals das Gehäuse.|Hinweis: Die Funktion ist erst ab Version {d}.{d} verfügbar.|Wählen Sie im Menü den Punkt Einstellungen und klicken Sie auf Speichern.|Reinigen Sie das Gerät nur mit einem trockenen Tuch.',
        'clauses': 'Der Vertrag beginnt am {date} und wird auf unbestimmte Zeit geschlossen.|Änderungen dieses Vertrages bedürfen der Schriftform.|Die Kündigungsfrist beträgt {d} Monate zum Quartalsende.|Sollte eine Bestimmung unwirksam sein, bleiben die übrigen Bestimmungen wirksam.|Der Mieter verpflichtet sich, die Mietsache pfleglich zu behandeln.|Gerichtsstand ist {city}.|Der Arbeitnehmer verpflichtet sich zur Verschwiegenheit über alle Betriebsgeheimnisse.',
        'talk': 'vielen Dank für Ihr Schreiben vom {date}.|hiermit kündige ich den Vertrag fristgerecht zum {date}.|wir freuen uns, Ihnen mitteilen zu können, dass Ihr Antrag bewilligt wurde.|Anbei erhalten Sie die gewünschten Unterlagen.|Für Rückfragen stehe ich Ihnen gerne zur Verfügung.|Leider müssen wir Ihnen mitteilen, dass sich die Lieferung verzögert.',
    },
    'fr': {
        'plain': "L'entreprise {company} emploie environ {num} personnes à {city}.|Le bâtiment a été rénové en {year} après de longs travaux.|Le nombre de visiteurs a augmenté de {d} % en un an.|Les habitants utilisent chaque jour le nouveau service.|Ce projet permet de réduire la consommation d'énergie.",
        'said': '« Nous attendions cela depuis longtemps », a déclaré {name} {day}.|Selon la police, personne n’a été blessé dans l’accident à {city}.|{city} (AFP) – Le ministre a présenté {day} son projet.|Le maire de {city} a critiqué la décision.|D’après un porte-parole de {company}, {num} personnes sont concernées.',
        'science': 'Dans cet article, nous proposons une méthode qui améliore la mesure [{ref}].|La figure {d} montre l’évolution de la température.|Les résultats confirment l’hypothèse de {surname} et al. ({year}).|Le tableau {d} résume les mesures.',
        'findings': "Ce rapport présente les résultats de l'audit pour l'exercice {year}.|Le chiffre d'affaires a progressé de {d} % pour atteindre {num} millions d'euros.|Nous recommandons de revoir les procédures avant {month} {year2}.|Les principaux constats sont présentés ci-dessous.",
        'steps': "Appuyez sur le bouton pendant {d} secondes jusqu'à ce que le voyant s'allume.|Branchez l'appareil sur le secteur.|Attention : risque de blessure ! N'ouvrez jamais le boîtier.|Remarque : cette fonction est disponible à partir de la version {d}.{d}.|Sélectionnez Paramètres dans le menu et cliquez sur Enregistrer.|Nettoyez l'appareil avec un chiffon sec.",
        'clauses': "Le présent contrat prend effet le {date} pour une durée indéterminée.|Le Prestataire s'engage à exécuter les prestations conformément au présent contrat.|Chacune des parties peut résilier le contrat moyennant un préavis de {d} mois.|Le Locataire s'engage à payer le loyer le premier de chaque mois.|Tout litige sera soumis aux tribunaux de {city}.|Les parties s'engagent à garder confidentielles les informations échangées.",
        'talk': "Je vous remercie de votre courrier du {date}.|J'ai l'honneur de solliciter un rendez-vous au sujet du dossier.|Nous avons le plaisir de vous informer que votre demande a été acceptée.|Veuillez trouver ci-joint les documents demandés.|Je vous prie d'agréer, Madame, Monsieur, mes salutations distinguées.|Nous regrettons de ne pouvoir donner suite à votre candidature.",
    },
    'es': {
        'plain': 'La empresa {company} da empleo a unas {num} personas en {city}.|El edificio fue renovado en {year} tras largas obras.|El número de visitantes aumentó un {d} por ciento.|Los vecinos usan cada día el nuevo servicio.|El proyecto permite ahorrar energía y agua.',
        'said': '«Llevábamos mucho tiempo esperándolo», dijo {name} el {day}.|Según la policía, nadie resultó herido en el accidente de {city}.|{city} (EFE).- El ministro presentó el {day} su plan.|El alcalde de {city} criticó la decisión.|Un portavoz de {company} confirmó que hay {num} afectados.',
        'science': 'En este artículo proponemos un método que mejora la medición [{ref}].|La figura {d} muestra la evolución de la temperatura.|Los resultados confirman la hipótesis de {surname} et al. ({year}).|La tabla {d} resume las mediciones.',
        'findings': 'Este informe presenta los resultados de la auditoría del ejercicio {year}.|Los ingresos crecieron un {d} por ciento hasta {num} millones de euros.|Recomendamos revisar los procedimientos antes de {month} de {year2}.|Los principales hallazgos se presentan a continuación.',
        'steps': 'Pulse el botón durante {d} segundos hasta que se encienda la luz.|Conecte el aparato a la red eléctrica.|¡Advertencia! Riesgo de lesiones: no abra nunca la carcasa.|Nota: esta función está disponible a partir de la versión {d}.{d}.|Seleccione Ajustes en el menú y haga clic en Guardar.|Limpie el aparato con un paño seco.',
        'clauses': 'El presente contrato entrará en vigor el {date} y tendrá una duración indefinida.|El Arrendatario se obliga a pagar la renta dentro de los primeros {d} días de cada mes.|Cualquiera de las partes podrá rescindir el contrato con un preaviso de {d} meses.|Las partes se someten a los tribunales de {city}.|El Prestador se obliga a mantener la confidencialidad de la información.',
        'talk': 'Le agradezco su carta del {date}.|Por medio de la presente le comunico que deseo cancelar el contrato.|Nos complace informarle de que su solicitud ha sido aceptada.|Adjunto le envío los documentos solicitados.|Quedo a su disposición para cualquier aclaración.|Lamentamos comunicarle que no podemos atender su petición.',
    },
    'it': {
        'plain': "L'azienda {company} impiega circa {num} persone a {city}.|L'edificio è stato ristrutturato nel {year}.|Il numero dei visitatori è aumentato del {d} per cento.|I cittadini usano ogni giorno il nuovo servizio.",
        'said': '«Lo aspettavamo da tempo», ha detto {name} {day}.|Secondo la polizia nessuno è rimasto ferito nell’incidente a {city}.|{city} (ANSA) - Il ministro ha presentato {day} il piano.|Il sindaco di {city} ha criticato la decisione.',
        'science': 'In questo articolo proponiamo un metodo che migliora la misura [{ref}].|La figura {d} mostra la temperatura.|I risultati confermano l’ipotesi di {surname} et al. ({year}).',
        'findings': "La relazione presenta i risultati dell'esercizio {year}.|I ricavi sono cresciuti del {d} per cento a {num} milioni di euro.|Si raccomanda di rivedere le procedure entro {month} {year2}.",
        'steps': 'Premere il pulsante per {d} secondi finché la spia non si accende.|Collegare il dispositivo alla rete elettrica.|Attenzione: pericolo di lesioni! Non aprire mai il coperchio.|Nota: la funzione è disponibile dalla versione {d}.{d}.|Selezionare Impostazioni nel menu e fare clic su Salva.',
        'clauses': 'Il presente contratto decorre dal {date} ed è a tempo indeterminato.|Il Conduttore si obbliga a pagare il canone entro il giorno {d} di ogni mese.|Ciascuna parte può recedere con un preavviso di {d} mesi.|Per ogni controversia è competente il foro di {city}.',
        'talk': 'La ringrazio per la Sua lettera del {date}.|Con la presente comunico la disdetta del contratto.|Siamo lieti di informarLa che la Sua richiesta è stata accolta.|In allegato trova i documenti richiesti.|Resto a disposizione per ogni chiarimento.',
    },
    'nl': {
        'plain': 'Het bedrijf {company} heeft ongeveer {num} medewerkers in {city}.|Het gebouw is in {year} gerenoveerd.|Het aantal bezoekers steeg met {d} procent.',
        'said': '“We hebben hier lang op gewacht”, zei {name} {day}.|Volgens de politie raakte niemand gewond bij het ongeval in {city}.|De burgemeester van {city} bekritiseerde het besluit.',
        'steps': 'Druk {d} seconden op de knop tot het lampje brandt.|Sluit het apparaat aan op het stopcontact.|Waarschuwing: open nooit de behuizing.|Klik op Instellingen en kies Opslaan.',
        'clauses': 'Deze overeenkomst gaat in op {date} en geldt voor onbepaalde tijd.|De huurder betaalt de huur voor de eerste dag van de maand.|Beide partijen kunnen opzeggen met een termijn van {d} maanden.',
        'talk': 'Hartelijk dank voor uw brief van {date}.|Hierbij zeg ik het contract op.|In de bijlage vindt u de gevraagde documenten.|Wij delen u mee dat uw aanvraag is goedgekeurd.',
    },
    'pt': {
        'plain': 'A empresa {company} emprega cerca de {num} pessoas em {city}.|O edifício foi renovado em {year}.|O número de visitantes aumentou {d} por cento.',
        'said': '“Esperávamos por isto há muito”, disse {name} na {day}.|Segundo a polícia, ninguém ficou ferido no acidente em {city}.|O prefeito de {city} criticou a decisão.',
        'steps': 'Pressione o botão durante {d} segundos até a luz acender.|Ligue o aparelho à tomada.|Aviso: nunca abra a caixa.|Clique em Definições e selecione Guardar.',
        'clauses': 'O presente contrato entra em vigor em {date} por tempo indeterminado.|O contratante obriga-se a pagar o valor mensal.|As partes elegem o foro de {city}.',
        'talk': 'Agradeço a sua carta de {date}.|Venho por este meio solicitar o cancelamento do contrato.|Em anexo seguem os documentos solicitados.|Temos o prazer de informar que o seu pedido foi aceite.',
    },
}

DAYS = {
    'en': 'Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday', 'de': 'Montag|Dienstag|Mittwoch|Donnerstag|Freitag', 'fr': 'lundi|mardi|mercredi|jeudi|vendredi',
    'es': 'lunes|martes|miércoles|jueves|viernes', 'it': 'lunedì|martedì|mercoledì|giovedì|venerdì', 'nl': 'maandag|dinsdag|woensdag|donderdag', 'pt': 'segunda-feira|terça-feira|quarta-feira',
}  # fmt: skip
MONTHS = 'January|February|March|April|May|June|July|August|September|October|November|December'

INVOICE = {  # title, number, date, due, customer, bill to, item, quantity, price, amount, subtotal, tax, total, terms, bank
    'en': 'Invoice,INVOICE,Tax Invoice,Commercial Invoice,Sales Invoice,Credit Note,Proforma Invoice,Statement of charges|Invoice Number,Invoice No.,Invoice #,Invoice ID|Invoice Date,Date,Date of issue|Due Date,Payment due,Due|Customer No.,Account Number,Customer ID,PO Number|Bill To,Billed to,Invoice to,Sold to,Customer|Description,Item,Details,Service,Product|Qty,Quantity,Hours,Units|Unit Price,Price,Rate,Unit cost|Amount,Total,Line total|Subtotal,Sub-total,Net amount,Total before tax|VAT,Sales Tax,Tax,GST,VAT 20%|Total,Total due,Amount due,Balance due,Grand Total,TOTAL|Payment terms: 30 days net. Please quote the invoice number.,Please make payment within 14 days.,Net 30. Late payments are charged interest.,Thank you for your business!|Bank,Bank transfer to,Remit to,Pay to',
    'de': 'Rechnung,RECHNUNG,Schlussrechnung,Gutschrift,Rechnung / Invoice|Rechnungsnummer,Rechnungs-Nr.,Rechnung Nr.|Rechnungsdatum,Datum|Fällig am,Zahlbar bis,Zahlungsziel|Kundennummer,Kunden-Nr.,Auftragsnummer|Rechnungsempfänger,An,Kunde|Bezeichnung,Artikel,Leistung,Beschreibung|Menge,Anzahl,Std.|Einzelpreis,Preis,E-Preis|Gesamt,Betrag,G-Preis|Zwischensumme,Nettobetrag,Summe netto|USt. 19 %,MwSt. 19%,zzgl. 19 % Umsatzsteuer|Gesamtbetrag,Rechnungsbetrag,Summe,Endbetrag,zu zahlen|Bitte überweisen Sie den Betrag innerhalb von 14 Tagen.,Zahlbar ohne Abzug.,Vielen Dank für Ihren Auftrag!,Es gilt das Leistungsdatum.|Bankverbindung,IBAN,Überweisung an',
    'fr': 'Facture,FACTURE,Avoir,Facture proforma,Note d’honoraires|Facture n°,Numéro de facture,N° de facture|Date de facture,Date|Échéance,Date d’échéance,À payer avant le|N° client,Référence client|Facturé à,Client,Adresse de facturation|Désignation,Description,Libellé|Quantité,Qté|Prix unitaire HT,P.U.,Prix unitaire|Montant HT,Montant,Total HT|Total HT,Sous-total|TVA 20 %,TVA|Total TTC,Net à payer,Montant total TTC|Règlement à 30 jours.,En cas de retard de paiement, une pénalité sera appliquée.,Merci de votre confiance.|Coordonnées bancaires,IBAN,SIRET',
    'es': 'Factura,FACTURA,Factura proforma,Factura rectificativa|Nº de factura,Factura núm.,Número de factura|Fecha de factura,Fecha|Vencimiento,Fecha de vencimiento|Nº de cliente,Referencia|Facturar a,Cliente,Datos del cliente|Concepto,Descripción|Cantidad,Uds.|Precio unitario,Precio|Importe,Total|Base imponible,Subtotal|IVA 21%,I.V.A.|Total factura,TOTAL,Total a pagar|Forma de pago: transferencia.,Gracias por su confianza.|Cuenta bancaria,IBAN',
    'it': 'Fattura,FATTURA,Nota di credito,Parcella|Fattura n.,Numero fattura|Data fattura,Data|Scadenza|Codice cliente,Rif. ordine|Spett.le,Cliente,Intestatario|Descrizione|Quantità,Q.tà|Prezzo unitario,Prezzo|Importo,Totale|Imponibile,Totale imponibile|IVA 22%|Totale fattura,Totale da pagare,TOTALE|Pagamento: bonifico bancario a 30 giorni.|Coordinate bancarie,IBAN',
    'nl': 'Factuur,FACTUUR,Creditnota|Factuurnummer|Factuurdatum|Vervaldatum|Klantnummer|Aan,Klant|Omschrijving|Aantal|Prijs|Bedrag|Subtotaal|BTW 21%|Totaal,Te betalen|Gelieve te betalen binnen 14 dagen.|IBAN,KvK',
    'pt': 'Fatura,FATURA,Nota Fiscal|Fatura nº,Número da fatura|Data|Vencimento,Data de vencimento|NIF,CNPJ|Cliente|Descrição|Quantidade,Qtd.|Preço unitário|Valor|Subtotal|IVA 23%|Total,Valor total|Obrigado pela preferência.|IBAN',
    'pl': 'Faktura VAT,Faktura|Nr faktury|Data wystawienia|Termin płatności|Nr klienta|Nabywca|Nazwa towaru|Ilość|Cena netto|Wartość|Razem netto|VAT 23%|Do zapłaty|Płatność przelewem.|Konto',
    'sv': 'Faktura|Fakturanummer|Fakturadatum|Förfallodatum|Kundnummer|Faktureras till|Beskrivning|Antal|À-pris|Belopp|Netto|Moms 25%|Att betala|Betalningsvillkor 30 dagar.|Bankgiro',
    'ru': 'Счёт на оплату,Счет-фактура|Счёт №|Дата|Оплатить до|ИНН|Покупатель|Наименование|Кол-во|Цена|Сумма|Итого|НДС 20%|Всего к оплате|Оплата в течение 5 дней.|Р/с',
    'zh': '发票,增值税发票,商业发票|发票号码|开票日期|付款期限|客户编号|购买方|货物名称|数量|单价|金额|小计|税额|价税合计|请于30天内付款。|开户行及账号',
    'ja': '請求書,御請求書|請求書番号|請求日|お支払期限|お客様番号|御中|品名|数量|単価|金額|小計|消費税(10%)|合計金額,ご請求金額|下記の口座へお振込みください。|振込先',
}  # fmt: skip

RECEIPT = {  # title, total, subtotal, tax, cash, change, card, cashier, thanks, items
    'en': 'RECEIPT,SALES RECEIPT,Receipt,CASH RECEIPT,Guest Check,TAX INVOICE,CASH BILL,Payment Receipt,,|TOTAL,Total,Total RM,AMOUNT DUE,Total Sales (Inclusive of GST),Grand Total|Subtotal,SUB TOTAL,Total Excl. GST|Tax,GST 6%,VAT 20%,Sales Tax,Service charge 10%|CASH,Cash tendered,Cash|CHANGE,Change due,Change|VISA,MASTERCARD,Debit card,APPROVED auth code|Cashier,Server,Served by,Operator,Counter,Table|THANK YOU PLEASE COME AGAIN,Thank you for shopping with us!,GOODS SOLD ARE NOT RETURNABLE,Have a nice day,Thank you for dining with us,CUSTOMER COPY|Coffee,Latte,Milk 1L,Bread,Eggs x12,Burger,Fries,Cola 330ml,Beer,Chicken rice,Salad,Batteries AA,A4 paper,Shampoo,Banana,Chocolate bar,Plastic bag,Screw 4x40,Paint white 2.5L,T-shirt,Notebook,Unleaded 95,Parking,Taxi fare',
    'de': 'Kassenbon,Quittung,,Bewirtungsbeleg,Beleg|SUMME,Summe,Gesamt,Zu zahlen,Summe EUR|Zwischensumme,Netto|MwSt 19%,A 7,00%,MwSt|BAR,Gegeben,Bar|Rückgeld|EC-Karte,girocard,Kartenzahlung|Es bediente Sie,Bediener,Kasse,Tisch|Vielen Dank für Ihren Einkauf!,Vielen Dank für Ihren Besuch,Auf Wiedersehen,TSE-Signatur|Brot,Milch,Käse,Kaffee,Schnitzel,Weizen 0.5,Apfelschorle,Äpfel,Zahnpasta,Nudeln,Joghurt,Pfand,Tragetasche',
    'fr': 'Ticket de caisse,Reçu,,Note|TOTAL,TOTAL TTC,A PAYER|Sous-total,Total HT|TVA 20%,TVA 5,5%|Espèces,Rendu|Rendu,Monnaie|CB,Carte bancaire|Caissier,Vous avez été servi par,Caisse|Merci de votre visite,A bientôt|Baguette,Café,Lait,Fromage,Menu du jour,Vin rouge,Croissant,Pommes',
    'es': 'Ticket,Factura simplificada,Recibo,|TOTAL,Total a pagar|Subtotal,Base|IVA 10%,IVA 21%|Efectivo,Entregado|Cambio|Tarjeta,VISA|Le atendió,Cajero,Caja,Mesa|Gracias por su visita,Gracias por su compra|Pan,Leche,Café con leche,Tortilla,Caña,Queso,Manzanas,Aceite',
    'it': 'Scontrino,Ricevuta,Documento commerciale,|TOTALE,Totale complessivo|Subtotale|di cui IVA,IVA 10%|Contanti,Pagamento contante|Resto|Bancomat,Pagamento elettronico|Cassa,Operatore,Tavolo|Grazie e arrivederci|Pane,Latte,Caffè,Pizza margherita,Acqua,Vino,Mele',
    'nl': 'Kassabon,Bon|Totaal|Subtotaal|BTW 9%|Contant|Wisselgeld|PIN|Kassa|Bedankt en tot ziens|Brood,Melk,Kaas,Koffie,Appels',
    'pt': 'Recibo,Talão|TOTAL|Subtotal|IVA 13%|Dinheiro|Troco|Multibanco|Operador|Obrigado pela visita|Pão,Leite,Café,Queijo',
    'pl': 'PARAGON FISKALNY|SUMA PLN|Sprzedaż opodatkowana|PTU A 23%|Gotówka|Reszta|Karta|Kasjer|Dziękujemy|Chleb,Mleko,Kawa,Ser',
    'sv': 'KVITTO|TOTALT|Delsumma|Moms 12%|Kontant|Växel|Kort|Kassa|Tack för besöket|Bröd,Mjölk,Kaffe,Ost',
    'ru': 'КАССОВЫЙ ЧЕК|ИТОГ|Подытог|НДС 20%|НАЛИЧНЫМИ|СДАЧА|Карта|Кассир|Спасибо за покупку|Хлеб,Молоко,Кофе,Сыр',
    'zh': '收据,购物小票|合计|小计|税额|现金|找零|银行卡|收银员|谢谢惠顾|面包,牛奶,咖啡,苹果',
    'ja': '領収書,レシート|合計|小計|消費税等|お預り|お釣り|クレジット|担当|ありがとうございました|パン,牛乳,コーヒー,りんご',
}  # fmt: skip

LETTER = {  # salutations, closings, subject words, enclosure
    'en': 'Dear {name},|Dear Mr. {surname},|Dear Ms. {surname}:|Dear Sir or Madam,|To whom it may concern,|Dear Hiring Manager,|Dear Dr. {surname}|My dear {first},|Dear Friends,;Sincerely,|Yours sincerely,|Yours faithfully,|Kind regards,|Best regards,|Very truly yours,|Respectfully,|Yours ever,|Sincerely yours,;Re: |Subject: |RE: |;Enclosure|Encl.|cc: {name}|Enclosures: 2|',
    'de': 'Sehr geehrte Frau {surname},|Sehr geehrter Herr {surname},|Sehr geehrte Damen und Herren,|Liebe {first},|Lieber {first},;Mit freundlichen Grüßen|Hochachtungsvoll|Beste Grüße|Herzliche Grüße;Betreff: |Ihr Zeichen: |Betr.: |;Anlagen|Anlage: Lebenslauf|',
    'fr': 'Madame, Monsieur,|Cher Monsieur,|Chère Madame,|Monsieur le Directeur,;Cordialement,|Veuillez agréer, Madame, Monsieur, mes salutations distinguées.|Bien à vous,;Objet : |Réf. : ;Pièces jointes : 2|P.J.|',
    'es': 'Estimado Sr. {surname}:|Estimada Sra. {surname}:|Muy señor mío:|Querida {first}:;Atentamente,|Un cordial saludo,|Reciba un cordial saludo,;Asunto: |Ref.: ;Anexo|',
    'it': 'Gentile Signora {surname},|Egregio Signor {surname},|Spettabile Ditta,|Caro {first},;Cordiali saluti|Distinti saluti|Con stima;Oggetto: ;Allegati|',
    'nl': 'Geachte heer {surname},|Geachte mevrouw {surname},|Beste {first},;Met vriendelijke groet,|Hoogachtend,;Betreft: ;Bijlage|',
    'pt': 'Prezado Senhor {surname},|Exmo. Senhor,|Cara {first},;Atenciosamente,|Com os melhores cumprimentos,;Assunto: ;Anexo|',
    'pl': 'Szanowny Panie,|Szanowna Pani,;Z poważaniem;Dotyczy: ;Załącznik', 'sv': 'Bästa {first},|Hej {first},;Med vänliga hälsningar;Angående: ;Bilaga',
    'ru': 'Уважаемый {name}!|Уважаемая {name}!;С уважением,;Тема: ;Приложение', 'zh': '尊敬的{name}：|亲爱的{first}：;此致 敬礼;关于：;附件', 'ja': '{surname}様|拝啓;敬具;件名：;同封物',
}  # fmt: skip

FORM = {  # titles; labels; instructions; ticks
    'en': 'Application for {N}|{N} Registration Form|Request for {N}|Claim Form|Consent Form|{N} Order Form|Questionnaire|Membership Application|Employment Application|Affidavit of {N}|Petition for {N}|Declaration of {N}|Enrollment Form|{N} Report Form|Patient Intake Form|Survey|Timesheet|Checklist|Certificate of {N}|Form {F}|Statement of {N};Name|First name|Last name|Middle initial|Date of birth|Address|City|State|ZIP code|Telephone|Email|Social Security Number|Date|Signature|Signature of applicant|Employer|Occupation|Marital status|Print name|Case No.|County of|Account number|Reason for request|Emergency contact|Relationship|Company|Title|Product code|Quantity|Brand|Sample no.|Approved by|Tax ID|Number of dependents|Spouse;Please print clearly in black ink.|Complete all sections of this form.|FOR OFFICE USE ONLY|Check all that apply:|See instructions on page 2.|Attach additional sheets if necessary.|I certify that the information above is true and correct.|OMB No. 1545-0074|Do not write in this space|Return this form to the address below.|Under penalties of perjury, I declare that I have examined this form.;Yes|No|Male|Female|Single|Married|New|Renewal|Full time|Part time|N/A|Other',
    'de': 'Antrag auf {N}|Anmeldeformular|Fragebogen|Erklärung zur {N}|Vollmacht|Anmeldung|Formular {F};Name|Vorname|Geburtsdatum|Straße, Hausnummer|PLZ, Ort|Telefon|E-Mail|Staatsangehörigkeit|Unterschrift|Ort, Datum|Familienstand|Steuernummer|Beruf|IBAN;Bitte in Druckbuchstaben ausfüllen.|Zutreffendes bitte ankreuzen.|Nicht vom Antragsteller auszufüllen.|Ich versichere die Richtigkeit meiner Angaben.;ja|nein|ledig|verheiratet|männlich|weiblich',
    'fr': 'Demande de {N}|Formulaire d’inscription|Questionnaire|Déclaration de {N}|Bulletin d’adhésion|Cerfa n° {F};Nom|Prénom|Date de naissance|Adresse|Code postal|Ville|Téléphone|Courriel|Nationalité|Profession|Signature|Fait à|Le;À remplir en lettres capitales.|Cochez la case correspondante.|Cadre réservé à l’administration.;Oui|Non|Marié(e)|Célibataire',
    'es': 'Solicitud de {N}|Formulario de inscripción|Cuestionario|Declaración de {N};Nombre|Apellidos|Fecha de nacimiento|Domicilio|Código postal|Localidad|Teléfono|DNI/NIE|Nacionalidad|Firma|Fecha;Rellene en mayúsculas.|Marque con una X.|A rellenar por la administración.;Sí|No|Soltero/a|Casado/a',
    'it': 'Modulo di {N}|Domanda di {N}|Dichiarazione di {N};Cognome|Nome|Data di nascita|Luogo di nascita|Residente in|Codice fiscale|Telefono|Firma|Data;Compilare in stampatello.|Barrare la casella.;Sì|No|M|F',
    'nl': 'Aanvraagformulier {N}|Inschrijfformulier;Achternaam|Voornaam|Geboortedatum|Adres|Postcode|Telefoon|Handtekening|Datum;Invullen in blokletters.|Aankruisen wat van toepassing is.;Ja|Nee',
    'pt': 'Formulário de {N}|Requerimento de {N};Nome|Apelido|Data de nascimento|Morada|Código postal|Telefone|Assinatura|Data;Preencher com letra legível.;Sim|Não',
    'pl': 'Wniosek o {N};Imię|Nazwisko|Data urodzenia|Adres|PESEL|Podpis;Wypełnić drukowanymi literami.;Tak|Nie', 'sv': 'Ansökan om {N};Förnamn|Efternamn|Personnummer|Adress|Underskrift;Texta tydligt.;Ja|Nej',
    'ru': 'Заявление|Анкета;Фамилия|Имя|Дата рождения|Адрес|Телефон|Подпись;Заполнить печатными буквами.;Да|Нет', 'zh': '申请表|登记表;姓名|性别|出生日期|身份证号|联系电话|地址|签名;请用正楷填写。;是|否', 'ja': '申込書|申請書;氏名|生年月日|住所|電話番号|性別|署名;楷書で記入してください。;はい|いいえ',
}  # fmt: skip

CONTRACT = {  # titles; headings; roles; opening; closing
    'en': 'Service Agreement|Lease Agreement|Non-Disclosure Agreement|Employment Agreement|License Agreement|Purchase and Sale Agreement|Consulting Agreement|Master Services Agreement|Loan Agreement|Amendment No. {d} to the {N} Agreement|Terms and Conditions|Stock Purchase Agreement|Distribution Agreement|Severance Agreement|Indenture|Deed of Trust|Guaranty|Last Will and Testament|Bill of Sale|Terms of Use|Restricted Stock Award Agreement|Software License;Definitions|Term and Termination|Payment|Confidentiality|Indemnification|Governing Law|Limitation of Liability|Notices|Entire Agreement|Assignment|Representations and Warranties|Force Majeure|Severability|Miscellaneous|Services|Compensation|Purchase Price|Premises|Rent|Grant of License;Company,Contractor|Landlord,Tenant|Licensor,Licensee|Employer,Employee|Seller,Buyer|Lender,Borrower|Disclosing Party,Receiving Party|Customer,Provider;This {T} (the “Agreement”) is made and entered into as of {date} by and between {company} (“{role1}”) and {company2} (“{role2}”).|THIS AGREEMENT, dated {date}, between {company}, a Delaware corporation (hereinafter “{role1}”), and {name} (hereinafter “{role2}”).|WHEREAS, the {role1} desires to engage the {role2}; NOW, THEREFORE, the parties agree as follows:;IN WITNESS WHEREOF, the parties have executed this Agreement as of the date first above written.|By: ____________  Name: {name}  Title: Director',
    'de': 'Mietvertrag|Arbeitsvertrag|Dienstvertrag|Kaufvertrag|Werkvertrag|Geheimhaltungsvereinbarung|Allgemeine Geschäftsbedingungen|Darlehensvertrag;Vertragsgegenstand|Laufzeit und Kündigung|Vergütung|Haftung|Geheimhaltung|Schlussbestimmungen|Gerichtsstand|Mietzins|Arbeitszeit|Gewährleistung;Vermieter,Mieter|Arbeitgeber,Arbeitnehmer|Auftraggeber,Auftragnehmer|Verkäufer,Käufer;Zwischen {company}, nachfolgend „{role1}“ genannt, und {name}, nachfolgend „{role2}“ genannt, wird folgender Vertrag geschlossen:;{city}, den {date}    ______________  ({role1})    ______________ ({role2})',
    'fr': 'Contrat de travail|Contrat de prestation de services|Contrat de bail|Accord de confidentialité|Conditions générales de vente|Convention de stage;Objet du contrat|Durée|Rémunération|Obligations des parties|Résiliation|Confidentialité|Droit applicable|Loyer;Prestataire,Client|Bailleur,Locataire|Employeur,Salarié;Entre les soussignés : {company}, ci-après dénommée « le {role1} », et {name}, ci-après dénommé « le {role2} », il a été convenu ce qui suit :;Fait à {city}, le {date}, en deux exemplaires originaux. Signatures des parties',
    'es': 'Contrato de arrendamiento|Contrato de trabajo|Contrato de prestación de servicios|Acuerdo de confidencialidad|Contrato de compraventa;Objeto|Duración|Precio|Obligaciones de las partes|Rescisión|Confidencialidad|Jurisdicción;Arrendador,Arrendatario|Empresa,Trabajador|Prestador,Cliente;REUNIDOS: De una parte, {company}, en adelante «el {role1}», y de otra parte, {name}, en adelante «el {role2}». Las partes MANIFIESTAN y acuerdan las siguientes cláusulas:;Y en prueba de conformidad firman las partes en {city}, a {date}.',
    'it': 'Contratto di locazione|Contratto di lavoro|Contratto di prestazione d’opera|Accordo di riservatezza;Oggetto|Durata|Canone|Obblighi delle parti|Recesso|Foro competente;Locatore,Conduttore|Committente,Prestatore;Tra {company}, di seguito “{role1}”, e {name}, di seguito “{role2}”, si conviene e si stipula quanto segue:;Letto, approvato e sottoscritto. {city}, {date}',
    'nl': 'Huurovereenkomst|Arbeidsovereenkomst;Looptijd|Opzegging|Vergoeding|Geheimhouding;Verhuurder,Huurder|Werkgever,Werknemer;De ondergetekenden {company}, hierna te noemen {role1}, en {name}, hierna te noemen {role2}, zijn het volgende overeengekomen:;Aldus overeengekomen te {city} op {date}',
    'pt': 'Contrato de prestação de serviços|Contrato de locação;Objeto|Prazo|Pagamento|Rescisão|Foro;Contratante,Contratado|Locador,Locatário;Pelo presente instrumento, {company}, doravante {role1}, e {name}, doravante {role2}, celebram o seguinte contrato:;E por estarem de acordo, assinam as partes. {city}, {date}',
}  # fmt: skip

CV = {  # titles; experience; education; skills; languages; other headings; present; jobs' duties; contact labels
    'en': 'Curriculum Vitae|Resume|CV|||||;Work Experience|Experience|Professional Experience|Employment History|EMPLOYMENT;Education|EDUCATION|Education and Training;Skills|Technical Skills|Core Competencies|Computer skills;Languages;Summary|Profile|Objective|Certifications|Awards|Projects|Interests|Publications|Volunteer Work|References|Hobbies|Honors;Present|present|Current|now;Led a team of {d} engineers and delivered the {n} on time.|Responsible for the {n} and the {a} {n}.|Developed a {a} {n} that reduced costs by {num} %.|Managed the {n} of {company}.|Designed and implemented the {n}.|Trained {d} new colleagues in the {n}.|Assisted customers with the {n}.|Taught courses on the {n};Bachelor of Science in {N}|Master of Arts|M.Sc. Computer Science|Ph.D. in {N}|High School Diploma|MBA|B.Eng. Mechanical Engineering',
    'de': 'Lebenslauf|Curriculum Vitae;Berufserfahrung|Beruflicher Werdegang;Ausbildung|Studium|Schulbildung;Kenntnisse|EDV-Kenntnisse|Fähigkeiten;Sprachen|Sprachkenntnisse;Persönliche Daten|Praktika|Ehrenamt|Interessen|Hobbys|Weiterbildung;heute|bis heute;Leitung eines Teams von {d} Personen|Entwicklung und Betreuung der Systeme|Betreuung von Kunden|Verantwortlich für den Einkauf|Planung und Durchführung von Projekten;Bachelor Informatik|Diplom-Ingenieur|Abitur|Master of Science|Ausbildung zum Industriekaufmann',
    'fr': 'Curriculum Vitae|CV|;Expérience professionnelle|Expériences professionnelles;Formation|Diplômes;Compétences|Informatique;Langues;Centres d’intérêt|Loisirs|Profil|Projets;aujourd’hui|présent;Gestion d’une équipe de {d} personnes|Développement d’applications|Relation avec les clients|Responsable des achats;Master en informatique|Licence d’économie|Baccalauréat|BTS comptabilité',
    'es': 'Currículum Vitae|CV|;Experiencia laboral|Experiencia profesional;Formación académica|Formación;Habilidades|Informática|Competencias;Idiomas;Datos personales|Perfil|Aficiones|Cursos;actualidad|presente;Gestión de un equipo de {d} personas|Desarrollo de aplicaciones|Atención al cliente|Responsable de compras;Licenciatura en Economía|Grado en Informática|Bachillerato|Máster en Dirección',
    'it': 'Curriculum Vitae|Curriculum Vitae Europass;Esperienze lavorative|Esperienza professionale;Istruzione e formazione|Istruzione;Competenze|Competenze informatiche;Lingue;Dati personali|Profilo|Interessi;oggi|presente;Gestione di un gruppo di {d} persone|Sviluppo di applicazioni|Assistenza clienti;Laurea in Economia|Diploma di maturità|Laurea magistrale in Ingegneria',
    'nl': 'Curriculum Vitae;Werkervaring;Opleiding;Vaardigheden;Talen;Hobby’s|Profiel;heden;Leiding aan een team van {d} personen|Klantcontact;HBO Informatica|VWO',
    'pt': 'Currículo|Curriculum Vitae;Experiência profissional;Formação;Competências;Idiomas;Perfil|Interesses;atual|presente;Gestão de uma equipa de {d} pessoas|Apoio ao cliente;Licenciatura em Gestão|Ensino secundário',
    'pl': 'Curriculum Vitae|Życiorys;Doświadczenie zawodowe;Wykształcenie;Umiejętności;Języki;Zainteresowania;obecnie;Kierowanie zespołem {d} osób;Magister informatyki', 'sv': 'Meritförteckning|CV;Arbetslivserfarenhet;Utbildning;Kunskaper;Språk;Intressen;nu;Ledde ett team på {d} personer;Civilingenjör',
    'ru': 'Резюме;Опыт работы;Образование;Навыки;Языки;О себе;н.в.;Руководство командой из {d} человек;Магистр информатики', 'zh': '个人简历|简历;工作经历|工作经验;教育背景;技能;语言能力;自我评价|兴趣爱好;至今|现在;负责{d}人团队的管理工作;计算机科学学士', 'ja': '履歴書|職務経歴書;職歴;学歴;資格;語学;志望動機|趣味;現在;{d}名のチームを管理;工学部卒業',
}  # fmt: skip

HEADINGS = {
    'report': {
        'en': 'Executive Summary|Introduction|Background|Scope|Methodology|Key Findings|Findings|Results|Discussion|Recommendations|Conclusions|Conclusion|Appendix A|Overview|Financial Review|Outlook|Objectives|Summary of Recommendations|Project Goals|Risk assessment|Analysis of {N}|{N} and {N}',
        'de': 'Zusammenfassung|Einleitung|Ausgangslage|Methodik|Ergebnisse|Empfehlungen|Schlussfolgerungen|Anhang|Ausblick|Lagebericht', 'fr': 'Synthèse|Introduction|Contexte|Méthodologie|Résultats|Constats|Recommandations|Conclusion|Annexe', 'es': 'Resumen ejecutivo|Introducción|Antecedentes|Metodología|Resultados|Recomendaciones|Conclusiones|Anexo', 'it': 'Sintesi|Introduzione|Metodologia|Risultati|Raccomandazioni|Conclusioni|Allegato',
    },
    'report-title': {
        'en': 'Annual Report {year}|{N} Security Assessment|Quarterly Report on {N}|Final Report|{N} Audit Report|Progress Report: {N}|State of the {N} {year}|{N} Market Study|Technical Report TR-{num}|Inspection Report|{N} Evaluation|Background Information on {N}|Monthly {N} Statistics|Security Review of {company}|Review of the {N}|Trends in {N}|Report of the Committee on {N}|Weekly {N} Bulletin',
        'de': 'Geschäftsbericht {year}|Jahresbericht {year}|Abschlussbericht|Prüfbericht|Gutachten zum Projekt|Lagebericht', 'fr': 'Rapport annuel {year}|Rapport d’activité|Rapport final|Étude de marché|Rapport d’audit', 'es': 'Informe anual {year}|Memoria de actividades|Informe final|Informe de auditoría', 'it': 'Relazione annuale {year}|Rapporto finale|Relazione tecnica',
    },
    'paper': {
        'en': 'Introduction|Related Work|Background|Methods|Materials and Methods|Method|Experiments|Experimental Setup|Results|Evaluation|Discussion|Conclusion|Conclusions|Acknowledgements|Model|Theory|Data|Limitations|Analysis', 'de': 'Einleitung|Stand der Forschung|Methoden|Ergebnisse|Diskussion|Fazit', 'fr': 'Introduction|État de l’art|Méthodes|Résultats|Discussion|Conclusion', 'es': 'Introducción|Métodos|Resultados|Discusión|Conclusiones', 'it': 'Introduzione|Metodi|Risultati|Discussione|Conclusioni',
    },
    'manual': {
        'en': 'Safety Instructions|Getting Started|Installation|Quick Start|Configuration|Operation|Troubleshooting|Maintenance|Technical Specifications|Warranty|Usage|Requirements|Options|Commands|Cleaning|Overview|Package contents|Features|API Reference|Examples|Connecting the {N}|Setting up {N}|Using the {N}|Known issues', 'de': 'Sicherheitshinweise|Lieferumfang|Inbetriebnahme|Bedienung|Reinigung und Pflege|Fehlerbehebung|Technische Daten|Garantie|Montage', 'fr': 'Consignes de sécurité|Installation|Mise en service|Utilisation|Entretien|Dépannage|Caractéristiques techniques|Garantie', 'es': 'Instrucciones de seguridad|Instalación|Puesta en marcha|Uso|Mantenimiento|Solución de problemas|Especificaciones técnicas', 'it': 'Istruzioni di sicurezza|Installazione|Uso|Manutenzione|Risoluzione dei problemi|Specifiche tecniche', 'nl': 'Veiligheid|Installatie|Gebruik|Onderhoud|Problemen oplossen', 'pt': 'Segurança|Instalação|Utilização|Manutenção|Resolução de problemas',
    },
    'manual-title': {
        'en': '{N} User Manual|{N} User Guide|Owner’s Manual|Operating Instructions|Quick Start Guide|{N} Installation Guide|{N} Reference Manual|Administrator’s Guide|The {n} package|{N} Handbook|An Introduction to {N}|{N} Tutorial|{N} Documentation|{N} Data Sheet|Technical Reference', 'de': 'Bedienungsanleitung|Benutzerhandbuch|Gebrauchsanweisung|Montageanleitung', 'fr': 'Mode d’emploi|Manuel d’utilisation|Guide de l’utilisateur', 'es': 'Manual de usuario|Manual de instrucciones|Guía del usuario', 'it': 'Manuale d’uso|Istruzioni per l’uso', 'nl': 'Gebruiksaanwijzing|Handleiding', 'pt': 'Manual de instruções|Manual do usuário',
    },
}  # fmt: skip

SLIDES = {
    'en': 'Agenda|Overview|Outline|Why {n}?|What is a {n}?|{N}|How it works|Results|Demo|Summary|Next steps|Questions?|Thank you!|Key takeaways|About me|Architecture|{N} vs. {N}|Motivation|Conclusions|Roadmap|Timeline', 'de': 'Agenda|Gliederung|Überblick|Ziele|Ergebnisse|Nächste Schritte|Fragen?|Vielen Dank für Ihre Aufmerksamkeit', 'fr': 'Plan|Sommaire|Objectifs|Résultats|Prochaines étapes|Questions ?|Merci de votre attention', 'es': 'Agenda|Índice|Objetivos|Resultados|Próximos pasos|¿Preguntas?|Gracias', 'it': 'Agenda|Obiettivi|Risultati|Prossimi passi|Domande?|Grazie per l’attenzione',
}  # fmt: skip

IDENTITY = {  # titles; labels
    'en': 'PASSPORT|IDENTITY CARD|DRIVER LICENSE|DRIVING LICENCE|RESIDENCE PERMIT|VISA|NATIONAL IDENTITY CARD|PERMANENT RESIDENT|HEALTH INSURANCE CARD|United States of America|UNITED KINGDOM OF GREAT BRITAIN;Surname|Given names|Nationality|Date of birth|Sex|Place of birth|Date of issue|Date of expiry|Authority|Passport No.|Type|Code|DOB|EXP|ISS|HGT|EYES|CLASS|DL|Card No.|Personal No.|Holder’s signature|Height|Address|LN|FN|Visa Type|Entries',
    'de': 'REISEPASS|PERSONALAUSWEIS|FÜHRERSCHEIN|BUNDESREPUBLIK DEUTSCHLAND|AUFENTHALTSTITEL;Name|Vornamen|Staatsangehörigkeit|Geburtstag|Geburtsort|Gültig bis|Größe|Augenfarbe|Behörde|Unterschrift',
    'fr': 'PASSEPORT|CARTE NATIONALE D’IDENTITÉ|PERMIS DE CONDUIRE|RÉPUBLIQUE FRANÇAISE|TITRE DE SÉJOUR|carte vitale;Nom|Prénoms|Nationalité|Né(e) le|Lieu de naissance|Date d’expiration|Taille|Sexe|Autorité', 'es': 'PASAPORTE|DOCUMENTO NACIONAL DE IDENTIDAD|PERMISO DE CONDUCCIÓN|REINO DE ESPAÑA|REPÚBLICA ARGENTINA;Apellidos|Nombre|Nacionalidad|Fecha de nacimiento|Válido hasta|Sexo|Lugar de nacimiento',
    'it': 'PASSAPORTO|CARTA DI IDENTITÀ|PATENTE DI GUIDA|REPUBBLICA ITALIANA;Cognome|Nome|Cittadinanza|Nato il|Statura|Scadenza|Luogo di nascita', 'nl': 'PASPOORT|IDENTITEITSKAART|RIJBEWIJS;Naam|Voornamen|Nationaliteit|Geboortedatum|Geldig tot', 'pl': 'PASZPORT|DOWÓD OSOBISTY|RZECZPOSPOLITA POLSKA;Nazwisko|Imiona|Obywatelstwo|Data urodzenia', 'pt': 'PASSAPORTE|CARTEIRA NACIONAL DE HABILITAÇÃO;Nome|Nacionalidade|Data de nascimento|Validade',
    'zh': '中华人民共和国护照|居民身份证;姓名|性别|民族|出生|住址|公民身份号码|签发机关', 'ja': '旅券|運転免許証|在留カード;氏名|生年月日|国籍|住所|交付|有効',
}  # fmt: skip

EMAIL = {  # from, to, subject, date, cc labels
    'en': 'From|To|Subject|Date,Sent|Cc', 'de': 'Von|An|Betreff|Gesendet,Datum|Cc', 'fr': 'De|À|Objet|Envoyé,Date|Cc', 'es': 'De|Para|Asunto|Enviado,Fecha|CC', 'it': 'Da|A|Oggetto|Inviato,Data|Cc', 'nl': 'Van|Aan|Onderwerp|Verzonden|Cc', 'pt': 'De|Para|Assunto|Enviado|Cc', 'ru': 'От|Кому|Тема|Дата|Копия', 'zh': '发件人|收件人|主题|发送时间|抄送', 'ja': '差出人|宛先|件名|送信日時|Cc',
}  # fmt: skip
