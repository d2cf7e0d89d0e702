#!/usr/bin/env python3
"""Generates the documents that `classify` learns from: files of sixteen types in twelve languages, as PDF, HTML, DOCX, PPTX, XLSX, CSV, text
and messages, clean or as if OCR had read them. The same seed gives the same documents.

    classify_documents.py FOLDER COUNT [SEED]

Each file is FOLDER/TYPE/NUMBER.EXTENSION. Names, companies and addresses are Faker's (MIT); nothing else is taken from anywhere."""
import email.message
import html
import io
import os
import random
import sys

from classify_words import *
from faker import Faker
from reportlab.lib import pagesizes
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.platypus import BaseDocTemplate, Frame, ListFlowable, ListItem, PageBreak, PageTemplate, Paragraph, Preformatted, Spacer, Table

TYPES = 'invoice receipt letter form contract cv report scientific-paper slides spreadsheet manual newspaper e-mail identity-document drawing other'.split()
FAKERS = {}
IDEOGRAPHS = {'zh': 'STSong-Light', 'ja': 'HeiseiMin-W3'}
for font in IDEOGRAPHS.values():
    pdfmetrics.registerFont(UnicodeCIDFont(font))


class Maker:
    """Everything random of one document."""

    def __init__(self, seed, languages=None):
        self.random = random.Random(seed)
        known = [name for name in SHARES if languages is None or name in languages]
        self.language = self.random.choices(known, [SHARES[name] for name in known])[0]
        locale = self.random.choice(LOCALES[self.language])
        self.faker = FAKERS.setdefault(locale, Faker(locale))
        self.faker.seed_instance(seed)
        self.topic = self.random.choice(list(TOPICS))

    def of(self, table, *path):
        """The entry of the document's language, or of English."""
        return table.get(self.language, table['en'])

    def pick(self, text, parted='|'):
        return self.random.choice(text.split(parted))

    def chance(self, share):
        return self.random.random() < share

    def number(self, low, high):
        return self.random.randint(low, high)

    def noun(self):
        nouns = TOPICS[self.topic if self.chance(0.8) else self.random.choice(list(TOPICS))][0]
        return self.pick(nouns)

    def city(self):
        return self.faker.city()

    def company(self):
        return self.faker.company()

    def date(self):
        when = self.faker.date_between('-25y', 'today')
        months = MONTHS.split('|')
        forms = ['%d.%m.%Y', '%d/%m/%Y', '%Y-%m-%d', '%m/%d/%y', '%d-%m-%Y', '%d %B %Y', '%B %d, %Y', '%d %b %Y']
        if self.language == 'de':
            forms = ['%d.%m.%Y', '%d.%m.%y', '%d.%m.%Y']
        elif self.language in ('fr', 'es', 'it', 'pt'):
            forms = ['%d/%m/%Y', '%d.%m.%Y', '%d/%m/%y']
        elif self.language in ('zh', 'ja'):
            forms = ['%Y年%m月%d日', '%Y/%m/%d']
        return when.strftime(self.random.choice(forms)) if months else ''

    def amount(self, low=1, high=3000):
        value = self.random.uniform(low, high) if self.chance(0.6) else self.random.uniform(low, max(low * 3, high / 20))
        if self.language in ('zh', 'ja') and self.chance(0.6):
            return f'{int(value):,}' if self.language == 'ja' else f'{value:,.2f}'
        text = f'{value:,.2f}' if self.chance(0.7) else f'{value:.2f}'
        if self.language not in ('en', 'zh', 'ja'):
            text = text.replace(',', '\0').replace('.', ',').replace('\0', self.random.choice(['.', ' ', '']))
        return text

    def money(self, low=1, high=3000):
        signs = {'en': '$|£|€|USD |RM ', 'zh': '¥|￥', 'ja': '¥', 'pl': ' zł', 'sv': ' kr', 'ru': ' руб.', 'pt': 'R$ | €'}
        sign = self.pick(signs.get(self.language, ' €| EUR'))
        text = self.amount(low, high)
        return text + sign if sign.startswith(' ') else sign + text

    def filled(self, text):
        """A template with its slots filled."""
        nouns, verbs, adjectives = TOPICS[self.topic]
        year = self.number(1985, 2024)
        out, rest = '', text
        while '{' in rest:
            before, _, rest = rest.partition('{')
            slot, _, rest = rest.partition('}')
            values = {
                'n': self.noun, 'N': lambda: self.noun().title(), 'v': lambda: self.pick(verbs), 'a': lambda: self.pick(adjectives), 'year': lambda: str(year),
                'year2': lambda: str(year + self.number(1, 3)), 'num': lambda: str(self.number(2, 99)), 'num2': lambda: str(self.number(100, 990)), 'd': lambda: str(self.number(2, 9)),
                'ref': lambda: str(self.number(1, 20)), 'ref2': lambda: str(self.number(21, 40)), 'name': self.faker.name, 'surname': self.faker.last_name, 'first': self.faker.first_name,
                'company': self.company, 'company2': self.company, 'city': self.city, 'day': lambda: self.pick(self.of(DAYS)), 'date': self.date, 'month': lambda: self.pick(MONTHS),
                'month2': lambda: self.pick(MONTHS), 'state': lambda: self.pick('Delaware|New York|California|England|Texas'), 'agency': lambda: self.pick('Reuters|AP|AFP|CNN|BBC'),
                'role1': lambda: self.roles[0], 'role2': lambda: self.roles[1], 'T': lambda: self.title, 'F': lambda: f'{self.pick("W|I|AB|SF|DS")}-{self.number(2, 990)}',
            }  # fmt: skip
            out += before + values[slot]()
        return out + rest

    roles = ('Company', 'Customer')
    title = 'Agreement'

    def sentence(self, genre):
        english = {'plain': PLAIN, 'said': SAID, 'science': SCIENCE, 'findings': FINDINGS, 'steps': STEPS, 'clauses': CLAUSES, 'talk': TALK}
        foreign = FOREIGN.get(self.language, {}).get(genre)
        if self.language == 'en':
            return self.filled(self.random.choice(english[genre]))
        if foreign and self.chance(0.75):
            return self.filled(self.pick(foreign))
        if self.language in FOREIGN and self.chance(0.5):
            return self.filled(self.pick(FOREIGN[self.language]['plain' if 'plain' in FOREIGN[self.language] else genre]))
        return self.faker.sentence(nb_words=self.number(6, 16))

    def text(self, genre, low=3, high=7, plain=0.35):
        parts = [self.sentence('plain' if self.chance(plain) else genre) for _ in range(self.number(low, high))]
        return ('' if self.language in IDEOGRAPHS else ' ').join(parts)

    def address(self):
        return self.faker.address().split('\n')

    def contact(self):
        lines = [self.faker.phone_number(), self.faker.email(), 'www.' + self.faker.domain_name()]
        self.random.shuffle(lines)
        return lines[: self.number(1, 3)]


def invoice(m):
    titles, number, date, due, customer, bill, item, quantity, price, amount, subtotal, tax, total, terms, bank = [part.split(',') for part in m.of(INVOICE).split('|')]
    pick = m.random.choice
    title = ('title', pick(titles) + (f' {m.number(100, 99999)}' if m.chance(0.3) else ''))
    sender = ('lines', [m.company(), *m.address(), *(m.contact() if m.chance(0.6) else [])])
    pairs = [(pick(number), f'{m.pick("|INV-|RE-|F|2023-|A")}{m.number(100, 99999)}'), (pick(date), m.date())]
    pairs += [(pick(due), m.date())] if m.chance(0.6) else []
    pairs += [(pick(customer), str(m.number(1000, 99999)))] if m.chance(0.5) else []
    head = [title, sender, ('lines', [pick(bill) + ':', m.faker.name(), *m.address()]), ('pairs', pairs)]
    if m.chance(0.5):
        head = [sender, head[2], title, head[3]] if m.chance(0.6) else [sender, head[3], head[2]] + ([title] if m.chance(0.7) else [])
    rows = [[pick(item), pick(quantity), pick(price), pick(amount)]]
    goods = m.of(RECEIPT).split('|')[-1].split(',')
    for _ in range(m.number(1, 14)):
        name = m.pick('|'.join(goods)) if m.chance(0.3) else (m.filled('{N} {a} {n}') if m.language == 'en' else m.faker.bs() if m.chance(0.2) else m.faker.sentence(nb_words=3).strip('.。'))
        rows.append([name, str(m.number(1, 40)), m.amount(), m.amount() if m.chance(0.5) else m.money()])
    if m.chance(0.3):
        rows = [[row[0], row[3]] for row in rows]
    sums = [(pick(subtotal), m.money()), (pick(tax), m.money()), (pick(total), m.money())]
    out = [*head, *([('p', m.text('talk', 1, 2))] if m.chance(0.2) else []), ('table', rows), ('right', sums[-1:] if m.chance(0.2) else sums)]
    out += [('p', pick(terms))] if m.chance(0.75) else []
    out += [('lines', [f'{pick(bank)}: {m.faker.iban() if m.chance(0.7) else m.number(10**8, 10**9)}', f'BIC {m.faker.swift()}' if m.chance(0.5) else f'VAT ID: DE{m.number(10**8, 10**9 - 1)}'])] if m.chance(0.6) else []
    return out


def receipt(m):
    titles, total, subtotal, tax, cash, change, card, cashier, thanks, items = [part.split(',') for part in m.of(RECEIPT).split('|')]
    pick = m.random.choice
    lines = [m.company().upper() if m.chance(0.6) else m.company(), *m.address()]
    lines += [f'{m.pick("TEL|Tel|Phone|Tél.")}: {m.faker.phone_number()}'] if m.chance(0.6) else []
    lines += [f'{m.pick("GST ID|GST Reg No|USt-IdNr.|VAT No|SIRET|NIF|P.IVA")}: {m.number(10**8, 10**9)}'] if m.chance(0.4) else []
    title = pick(titles)
    lines += [title] if title else []
    lines += [f'{m.pick("Date|DATE|Datum|")} {m.date()} {m.number(0, 23):02}:{m.number(0, 59):02}', f'{pick(cashier)}: {m.pick("01|ANNA|3|" + m.faker.first_name())}']
    lines += [f'{m.pick("Receipt No|Doc No|Bon-Nr|Invoice No|Ticket|#|Bill No")}: {m.number(1000, 999999)}'] if m.chance(0.7) else []
    rows = []
    for _ in range(m.number(1, 12)):
        name = pick(items)
        name = name.upper() if m.chance(0.4) else name
        price = m.amount(0.5, 40)
        rows.append(f'{m.number(1, 5)} x {name}   {price}' if m.chance(0.3) else f'{name}   {price}' + m.pick('|| A| B| SR| T'))
        if m.chance(0.2):
            rows.append(f'{m.number(2, 9)} x {price}')
    ends = [f'{pick(subtotal)}   {m.amount(5, 100)}'] if m.chance(0.6) else []
    ends += [f'{pick(tax)}   {m.amount(0.2, 9)}'] if m.chance(0.7) else []
    ends += ['Rounding Adjustment   0.02'] if m.language == 'en' and m.chance(0.3) else []
    ends += [f'{pick(total)}   {m.money(5, 100)}']
    ends += [f'{pick(cash)}   {m.amount(5, 100)}', f'{pick(change)}   {m.amount(0.1, 20)}'] if m.chance(0.55) else [f'{pick(card)}   **** **** **** {m.number(1000, 9999)}']
    ends += [pick(thanks)] if m.chance(0.85) else []
    return [('receipt', lines), ('receipt', rows), ('receipt', ends)]


def letter(m):
    salutations, closings, subjects, enclosures = m.of(LETTER).split(';')
    out = []
    if m.chance(0.1):
        out = [('title', m.pick('MEMORANDUM|Memorandum|MEMO|INTERNAL MEMORANDUM')), ('pairs', [('TO', m.faker.name()), ('FROM', m.faker.name()), ('DATE', m.date()), ('SUBJECT', m.filled('the {a} {n}'))])]
        return [*out, *[('p', m.text('talk', 2, 6, 0.5)) for _ in range(m.number(1, 5))], *([('lines', [m.faker.name(), m.faker.job()])] if m.chance(0.4) else [])]
    if m.chance(0.8):
        out.append(('lines', [m.company() if m.chance(0.5) else m.faker.name(), *m.address(), *(m.contact() if m.chance(0.5) else [])]))
    date = ('p', (m.city() + ', ' if m.chance(0.4) else '') + m.date())
    to = ('lines', [m.faker.name(), *([m.company()] if m.chance(0.5) else []), *m.address()])
    out += [date, to] if m.chance(0.5) else [to, date]
    if m.chance(0.2):
        out = [date]
    if m.chance(0.5):
        out.append(('h', 3, m.pick(subjects) + (m.filled('your {n} of {date}') if m.language == 'en' else m.faker.sentence(nb_words=4))))
    out.append(('p', m.filled(m.pick(salutations))))
    out += [('p', m.text('talk', 2, 6)) for _ in range(m.number(1, 6))]
    out.append(('p', m.pick(closings)))
    out.append(('lines', [m.faker.name(), *([m.faker.job()] if m.chance(0.5) else [])]))
    end = m.pick(enclosures)
    return out + ([('p', m.filled(end))] if end else [])


def form(m):
    titles, labels, instructions, ticks = m.of(FORM).split(';')
    noun = (lambda: m.noun().title()) if m.language == 'en' else (lambda: m.faker.word())
    title = m.pick(titles).replace('{N}', noun())
    out = [('title', m.filled(title).upper() if m.chance(0.4) else m.filled(title))]
    if m.chance(0.5):
        out.insert(0 if m.chance(0.5) else 1, ('lines', [m.company().upper(), m.pick('State of ' + m.city() + '|Department of ' + noun() + '|' + m.city())]))
    out += [('p', m.pick(instructions) + ' ' + (m.pick(instructions) if m.chance(0.4) else m.text('plain', 1, 2)))] if m.chance(0.7) else []
    filled = m.chance(0.3)
    values = [m.faker.name, m.faker.city, m.date, m.faker.phone_number, lambda: str(m.number(10, 9999)), m.faker.street_address]
    style = m.pick('blank|colon|field|dots|table')
    for section in range(m.number(1, 5)):
        if m.chance(0.6):
            out.append(('h', 2, m.pick(f'{section + 1}. |Part {section + 1}: |Section {"ABCDE"[section]}. ||') + (m.filled('{N} Information') if m.language == 'en' else m.faker.word().title())))
        names = m.random.sample(labels.split('|'), min(m.number(3, 9), len(labels.split('|'))))
        value = lambda: m.random.choice(values)() if filled and m.chance(0.8) else {'blank': '_' * m.number(8, 40), 'dots': '.' * m.number(14, 50), 'colon': '', 'field': '', 'table': ''}[style]  # noqa: E731
        numbered = m.chance(0.3)
        names = [f'{at + 1}. {name}' if numbered else name for at, name in enumerate(names)]
        if style == 'field' and not filled:
            out.append(('fields', names))
        elif style == 'table':
            cells = [f'{name}: {value()}' for name in names]
            out.append(('table', [cells[at : at + 2] + [''] * (2 - len(cells[at : at + 2])) for at in range(0, len(cells), 2)]))
        else:
            out.append(('pairs', [(name, value()) for name in names]))
        if m.chance(0.55):
            box = m.pick('☐|[ ]|[  ]|□|( )|__')
            choices = m.random.sample(ticks.split('|'), 2)
            question = m.filled('Do you have a {n}?') if m.language == 'en' else m.faker.sentence(nb_words=4)
            out.append(('p', f'{question} {box} {choices[0]}  {box} {choices[1]}'))
        if m.chance(0.35):
            out.append(('p', m.pick(instructions)))
        if m.chance(0.2):
            out.append(('p', m.text('plain', 1, 3)))
    signature = {'en': 'Signature|Signed|Signature of Applicant', 'de': 'Unterschrift', 'fr': 'Signature', 'es': 'Firma', 'it': 'Firma'}
    out += [('p', f'{m.pick(m.of(signature))}: ____________________  {m.pick("Date|Datum|Date: ")} __________')] if m.chance(0.6) else []
    return out


def contract(m):
    titles, headings, roles, openings, closings = m.of(CONTRACT).split(';')[:5] if len(m.of(CONTRACT).split(';')) == 5 else [*m.of(CONTRACT).split(';')[:3], ';'.join(m.of(CONTRACT).split(';')[3:-1]), m.of(CONTRACT).split(';')[-1]]
    m.roles = m.pick(roles).split(',')
    m.title = m.filled(m.pick(titles))
    out = [('title', m.title.upper() if m.chance(0.5) else m.title)]
    if m.chance(0.25):
        out.insert(0, ('p', m.pick('Exhibit 10.1|EX-10.2|Execution Version|CONFIDENTIAL|Exhibit 4.3')))
    out += [('p', m.filled(m.pick(openings)))] if m.chance(0.9) else []
    form = m.pick('{d}. {h}|Article {d}. {h}|§ {d} {h}|Section {d} – {h}|{d}.  {h}|ARTICLE {d}: {h}')
    names = headings.split('|')
    m.random.shuffle(names)
    for at, name in enumerate(names[: m.number(3, 14)]):
        out.append(('h', 2, form.replace('{d}', str(at + 1)).replace('{h}', name)))
        for part in range(m.number(1, 3)):
            out.append(('p', (f'{at + 1}.{part + 1} ' if m.chance(0.5) else '') + m.text('clauses', 2, 6, 0.05)))
    out += [('p', m.filled(m.pick(closings)))] if m.chance(0.8) else []
    out += [('pairs', [('By', '____________________'), ('Name', m.faker.name()), ('Title', m.faker.job()), ('Date', '__________')])] if m.chance(0.5) and m.language == 'en' else []
    return out


def cv(m):
    titles, experience, education, skills, languages, others, present, duties, degrees = m.of(CV).split(';')
    title = m.pick(titles)
    out = [('title', m.faker.name())]
    out.append(('lines' if m.chance(0.6) else 'p', [*m.address(), *m.contact(), *(['linkedin.com/in/' + m.faker.user_name(), 'github.com/' + m.faker.user_name()] if m.chance(0.4) else [])]))
    if out[-1][0] == 'p':
        out[-1] = ('p', m.pick(' | # · # • ', '#').join(out[-1][1]))
    if title:
        out.insert(m.number(0, 1), ('title', title))
    elif m.chance(0.4):
        out.insert(1, ('p', m.faker.job()))

    def years():
        start = m.number(1990, 2022)
        end = m.pick(present) if m.chance(0.25) else str(start + m.number(0, 6))
        months = m.chance(0.4)
        one, two = (m.pick('Jan|Mar|May|Jul|Sep|Dec') + ' ' if months else '' for _ in range(2))
        return f'{one}{start} {m.pick("–|-|—|to")} {two if end.isdigit() else ""}{end}' if m.chance(0.85) else f'{m.number(1, 12):02}/{start} - {m.number(1, 12):02}/{start + 2}'

    sections = []
    jobs = [('h', 2, m.pick(experience))]
    for _ in range(m.number(1, 5)):
        line = [m.faker.job(), m.company(), m.city()]
        jobs.append(('p', f'{years()}   {", ".join(line)}' if m.chance(0.5) else f'{", ".join(line)}   {years()}'))
        if m.chance(0.8):
            jobs.append(('list', [m.filled(m.pick(duties)) for _ in range(m.number(1, 5))]))
    sections.append(jobs)
    sections.append([('h', 2, m.pick(education)), *[('p', f'{years()}   {m.filled(m.pick(degrees))}, {m.pick("University of |Universität |TU |Université de |" if m.language != "en" else "University of |College of |")}{m.city()}') for _ in range(m.number(1, 3))]])
    tools = 'Python, Java, C++|Microsoft Office, Excel|SQL, Docker, Linux|SAP, Photoshop|Git, React, AWS|AutoCAD, SolidWorks|Word, PowerPoint'
    sections.append([('h', 2, m.pick(skills)), ('list' if m.chance(0.5) else 'p', [m.pick(tools), m.pick(tools)] if m.chance(0.5) else m.pick(tools))])
    if isinstance(sections[-1][1][1], str):
        sections[-1][1] = ('p', sections[-1][1][1])
    else:
        sections[-1][1] = ('list', sections[-1][1][1])
    if m.chance(0.6):
        sections.append([('h', 2, m.pick(languages)), ('p', m.pick('English (C1), German (native), French (B1)|Deutsch, Englisch|Español, inglés|Français, anglais|Mandarin, English'))])
    for _ in range(m.number(0, 3)):
        sections.append([('h', 2, m.pick(others)), ('p', m.text('plain', 1, 3))])
    if m.chance(0.4):
        m.random.shuffle(sections)
    return out + [part for section in sections for part in section]


def figures(m, share=0.3):
    if not m.chance(share):
        return []
    rows = [[m.noun().title() for _ in range(m.number(3, 6))]]
    rows += [[m.noun()] + [str(m.number(1, 9999)) if m.chance(0.7) else f'{m.number(1, 99)}.{m.number(0, 9)} %' for _ in rows[0][1:]] for _ in range(m.number(2, 9))]
    captions = {'en': 'Table|Figure', 'de': 'Tabelle|Abbildung', 'fr': 'Tableau|Figure', 'es': 'Tabla|Figura', 'it': 'Tabella|Figura'}
    return [('table', rows), ('p', f'{m.pick(m.of(captions))} {m.number(1, 9)}: {m.filled("{N} by {n}")}')]


def contents(m, names):
    return [('h', 1, m.pick({'en': 'Contents|Table of Contents', 'de': 'Inhaltsverzeichnis', 'fr': 'Table des matières', 'es': 'Índice', 'it': 'Indice'}.get(m.language, 'Contents'))), ('lines', [f'{at + 1} {name} {"." * m.number(20, 60)} {at * 2 + 3}' for at, name in enumerate(names)])]


def report(m):
    m_title = m.of(HEADINGS['report-title'])
    out = [('title', m.filled(m.pick(m_title)))]
    if m.chance(0.5):
        out.append(('lines', [m.pick(f'Prepared for: {m.company()}|Prepared by {m.faker.name()}|{m.company()}|{m.date()}'), m.date()]))
    names = m.of(HEADINGS['report']).split('|')
    names = [m.filled(name) for name in m.random.sample(names, min(len(names), m.number(2, 9)))]
    if m.chance(0.35):
        out += [('break',), *contents(m, names), ('break',)]
    numbered = m.chance(0.5)
    if m.chance(0.15):
        out += [('p', m.text('findings', 3, 6)) for _ in range(m.number(1, 3))]
    for at, name in enumerate(names):
        out.append(('h', 1 if m.chance(0.6) else 2, f'{at + 1} {name}' if numbered else name))
        out += [('p', m.text('findings', 3, 8, 0.5)) for _ in range(m.number(1, 4))]
        out += [('list', [m.sentence('findings') for _ in range(m.number(2, 6))])] if m.chance(0.3) else []
        out += figures(m, 0.4)
    return out


def paper(m):
    title = m.filled(m.pick('A {a} {n} for the {n} of {n}s|On the {n} and the {n}: A {a} Approach|{N} {N} with {a} {n}s|Towards {a} {n}s|{N}: An Efficient {N} for {N}s|The {a} {n} in {city}|Learning {a} {n}s from {n}s'))
    if m.language != 'en' and m.language in FOREIGN:
        title = m.faker.sentence(nb_words=8).strip('.')
    out = [('title', title)]
    out += [('p', m.pick('arXiv:2101.01234v2 [cs.CL] 5 Jan 2021|Journal of Applied Research, Vol. 12, No. 3, pp. 45-61|Proceedings of the 7th International Conference|ISSN 1234-5678'))] if m.chance(0.4) else []
    authors = [m.faker.name() for _ in range(m.number(1, 5))]
    out.append(('lines', [', '.join(authors), m.pick(f'Department of {m.noun().title()}, University of {m.city()}|{m.city()} Institute of Technology|{m.company()}'), m.faker.email()] if m.chance(0.7) else authors))
    words = {'en': 'Abstract|ABSTRACT|Abstract—|Summary', 'de': 'Zusammenfassung|Abstract', 'fr': 'Résumé|Abstract', 'es': 'Resumen|Abstract', 'it': 'Riassunto|Abstract'}
    keywords = {'en': 'Keywords: |Index Terms— |Key words: ', 'de': 'Schlüsselwörter: ', 'fr': 'Mots-clés : ', 'es': 'Palabras clave: ', 'it': 'Parole chiave: '}
    if m.chance(0.9):
        out += [('h', 2, m.pick(m.of(words))), ('p', m.text('science', 4, 8))] if m.chance(0.7) else [('p', m.pick(m.of(words)) + ' ' + m.text('science', 4, 8))]
        out += [('p', m.pick(m.of(keywords)) + ', '.join(m.noun() for _ in range(4)))] if m.chance(0.5) else []
    names = m.of(HEADINGS['paper']).split('|')
    chosen = [names[0]] + m.random.sample(names[1:], min(len(names) - 1, m.number(2, 6)))
    for at, name in enumerate(chosen):
        out.append(('h', 2, m.pick(f'{at + 1} {name}|{at + 1}. {name}|{name}|{name.upper()}') if at else f'1 {name}'))
        out += [('p', m.text('science', 4, 10)) for _ in range(m.number(1, 4))]
        out += [('p', m.pick('E = αβ² + ∑ x_i − ∂f/∂t  (3)|λ ≤ ∫ f(x) dx, ∀ x ∈ Ω|p(θ|x) ∝ p(x|θ) p(θ)'.replace('|x)', '/x)')))] if m.chance(0.25) else []
        out += figures(m, 0.25)
    references = {'en': 'References|REFERENCES|Bibliography', 'de': 'Literatur|Literaturverzeichnis', 'fr': 'Références|Bibliographie', 'es': 'Referencias|Bibliografía', 'it': 'Bibliografia'}
    out.append(('h', 2, m.pick(m.of(references))))
    out.append(('lines', [f'[{at + 1}] {m.faker.last_name()}, {m.faker.last_name()} et al. {m.filled("The {a} {n} of {n}s")}. {m.pick("Nature|Proc. ACM|IEEE Trans.|J. Appl. Phys.")} {m.number(1, 90)}({m.number(1, 9)}), {m.number(1990, 2023)}, pp. {m.number(1, 99)}–{m.number(100, 199)}.' for at in range(m.number(4, 20))]))
    return out


def slides(m):
    if m.chance(0.15):
        # A file of slides is one, however little it says.
        words = lambda: m.pick('Hello|Test|Title|Slide|Click to add title|Text|Chart|' + m.noun() + '|' + m.faker.word())  # noqa: E731
        return [[('title', words()), ('lines', [words() for _ in range(m.number(0, 3))])] for _ in range(m.number(1, 3))]
    names = m.of(SLIDES)
    wordy = m.chance(0.25)
    english = m.language == 'en' or m.language not in FOREIGN
    pages = [[('title', m.filled('{N} and {N}: {a} {n}s') if english else m.faker.sentence(nb_words=4).strip('.')), ('lines', [m.faker.name(), m.pick(f'{m.company()}|{m.city()}, {m.date()}|{m.date()}')])]]
    for _ in range(m.number(2, 14)):
        page = [('h', 1, m.filled(m.pick(names)))]
        kind = m.number(0, 9)
        if kind < 7:
            items = [(' '.join(m.filled('{a} {n}|{n} {v} {n}|{N}|no {n} without {n}|{num} % of {n}s').split('|')[m.number(0, 4)].split()[:9]) if english else m.faker.sentence(nb_words=m.number(2, 6)).strip('.')) for _ in range(m.number(2, 7))]
            page.append(('list', items))
        elif kind < 8:
            page.append(('p', m.text('plain', 1, 2)))
        if wordy:
            page.append(('p', m.text(m.pick('plain|steps|science|findings'), 2, 5)))
            page.append(('code', '\n'.join(f'{m.noun().replace(" ", "_")}({m.number(0, 9)})' for _ in range(m.number(1, 5)))))
        elif kind < 9:
            page.append(('code', f'def {m.noun().replace(" ", "_")}(x):\n    return x + {m.number(1, 9)}'))
        pages.append(page)
    return pages


def spreadsheet(m):
    heads = {'en': 'Name|Date|Amount|Total|Region|Quantity|Price|Code|ID|Year|Country|Status|Cost|Jan|Feb|Mar|Q1|Q2|Product|Unit', 'de': 'Name|Datum|Betrag|Summe|Region|Menge|Preis|Jahr|Land|Monat', 'fr': 'Nom|Date|Montant|Total|Région|Quantité|Prix|Année', 'es': 'Nombre|Fecha|Importe|Total|Región|Cantidad|Precio|Año'}
    if m.chance(0.25):
        # A file of sheets is one, whatever is in its cells.
        cell = lambda: m.random.choice([m.noun(), m.number(0, 99), m.faker.word(), m.pick('test|a|b|Sheet|foo|value|x'), m.text('plain', 1, 2), m.date()])  # noqa: E731
        return [('Sheet1', [[cell() for _ in range(m.number(1, 4))] for _ in range(m.number(1, 8))]) for _ in range(m.number(1, 3))]
    count = m.number(2, 14)
    sheets = []
    for _ in range(m.number(1, 3)):
        names = [m.pick(m.of(heads)) for _ in range(count)]
        kinds = [m.number(0, 4) for _ in names]
        make = [lambda: m.noun(), lambda: m.number(0, 9999), lambda: round(m.random.uniform(0, 999), 2), m.date, lambda: m.faker.city()]
        rows = ([[m.filled('{N} {N} {year}')]] if m.chance(0.3) else []) + [names] + [[make[kind]() for kind in kinds] for _ in range(m.number(3, 60))]
        rows += [['Total'] + [m.number(100, 9999) for _ in names[1:]]] if m.chance(0.3) else []
        sheets.append((m.filled('{N}') if m.chance(0.5) else 'Sheet1', rows))
    return sheets


def manual(m):
    titles = m.of(HEADINGS['manual-title'])
    out = [('title', m.filled(m.pick(titles)))]
    out += [('lines', [m.pick(f'Version {m.number(1, 9)}.{m.number(0, 9)}|Model {m.pick("XK|TR|A")}-{m.number(100, 999)}|Rev. B'), m.company()])] if m.chance(0.6) else []
    out += [('lines', [m.faker.name(), m.date()])] if m.chance(0.2) else []
    names = m.of(HEADINGS['manual']).split('|')
    names = [m.filled(name) for name in m.random.sample(names, min(len(names), m.number(2, 9)))]
    if m.chance(0.4):
        out += [*contents(m, names), ('break',)]
    numbered = m.chance(0.5)
    for at, name in enumerate(names):
        out.append(('h', 1, f'{at + 1} {name}' if numbered else name))
        for _ in range(m.number(1, 4)):
            kind = m.number(0, 5)
            if kind < 3:
                out.append(('p', m.text('steps', 2, 6)))
            elif kind < 4:
                out.append(('list', [m.sentence('steps') for _ in range(m.number(2, 7))]))
            elif kind < 5 and m.chance(0.5):
                out.append(('code', m.pick('$ sudo apt install {n}|{n} --help|import {n}\n{n}.run(timeout=10)|\\usepackage{{n}}|GET /api/v1/{n}').replace('{n}', m.noun().replace(' ', '-'))))
            else:
                out.append(('table', [['Option', 'Default', 'Description']] + [[f'--{m.noun().replace(" ", "-")}', str(m.number(0, 99)), m.sentence('steps')] for _ in range(m.number(2, 6))]))
    return out


def newspaper(m):
    papers = {'en': 'The {city} Times|Daily Herald|{city} Gazette|The Morning Chronicle|{city} News', 'de': '{city}er Zeitung|Tageblatt|Allgemeiner Anzeiger', 'fr': 'Le Journal de {city}|La Gazette', 'es': 'El Diario de {city}|La Gaceta', 'it': 'Il Corriere di {city}|La Gazzetta', 'nl': 'Dagblad van {city}', 'pt': 'Jornal de {city}'}
    out = []
    whole = m.chance(0.5)
    m.of_web = not whole and m.chance(0.7)
    links = 'Home|News|World|Business|Politics|Sport|Opinion|Culture|Travel|Weather|Video|Life & Style|Tech|Jobs|Subscribe|Log in|Sign up|Newsletters|Photos|Entertainment|Health|Search|Food|Autos|Classifieds|Archive'
    if m.of_web:
        out += [('list', m.random.sample(links.split('|'), m.number(4, 14))) for _ in range(m.number(1, 2))]
    if m.chance(0.6):
        out.append(('title', m.filled(m.pick(m.of(papers)))))
        out += [('p', f'{m.pick(m.of(DAYS))}, {m.date()}   {m.pick("No. |Vol. |Nr. ")}{m.number(1, 300)}   {m.pick("50 cents|$1.50|2,10 €|Late edition")}')] if whole else []
    for _ in range(m.number(2, 7) if whole else 1):
        headline = m.filled(m.pick('{N} {v} {n} in {city}|{city} {n} {v} after {n}|{company} {v} {num} {n}s|Police find {n} near {city}|{surname} wins {n}|Fears over {a} {n}|{num} hurt in {n} crash')) if m.language == 'en' else m.faker.sentence(nb_words=6).strip('.')
        out.append(('h', m.number(1, 2), headline))
        byline = {'en': 'By {name}|By {name}, {agency}|{name} | Staff writer|Updated {date}', 'de': 'Von {name}', 'fr': 'Par {name}', 'es': 'Por {name}', 'it': 'di {name}', 'nl': 'Door {name}', 'pt': 'Por {name}'}
        out += [('p', m.filled(m.pick(m.of(byline))))] if m.chance(0.6) else []
        out += [('p', m.text('said', 1, 4, m.pick('0.2|0.5|0.8') == '0.8' and 0.8 or 0.35)) for _ in range(m.number(2, 9))]
        out += [('p', m.pick('Read more|Advertisement|Share this article|Continued on page 4|Subscribe to our newsletter'))] if m.chance(0.3) and m.language == 'en' else []
    if m.of_web:
        headline = lambda: m.filled(m.pick('{N} {v} {n}|{city}: {a} {n}|Why {n} matters|{num} {n}s you should know|{surname} on {n}'))  # noqa: E731
        out += [('h', 3, m.pick('Related|Most read|More stories|Comments|Trending now|You may also like')), ('list', [headline() for _ in range(m.number(3, 12))])]
        out += [('p', m.filled('{name} | {date} at 10:12 AM: ') + m.sentence('plain')) for _ in range(m.number(0, 3))]
        out += [('p', m.filled('© {year} {company}. All rights reserved. Terms of use | Privacy policy | Contact us | About'))]
    return out


def identity(m):
    titles, labels = m.of(IDENTITY).split(';')
    surname, first = m.faker.last_name().upper(), m.faker.first_name().upper()
    code = m.pick('UTO|D|FRA|ESP|ITA|USA|GBR|POL|NLD|CHE|CAN|AUT')
    born = m.faker.date_of_birth()
    values = [surname, first, m.date(), m.city().upper(), code, m.pick('M|F'), m.pick('AB|X|C0|L') + str(m.number(10**6, 10**8)), m.number(150, 198)]
    lines = [m.pick(titles)]
    lines += [m.pick(titles)] if m.chance(0.5) else []
    for label in m.random.sample(labels.split('|'), min(m.number(2, 9), len(labels.split('|')))):
        value = m.random.choice(values)
        both = f'{label}/{m.pick(IDENTITY["en"].split(";")[1])}' if m.language != 'en' and m.chance(0.3) else label
        lines += [f'{both}: {value}'] if m.chance(0.3) else [f'{both} {value}'] if m.chance(0.4) else [both, str(value)]
    zone = []
    if m.chance(0.5):
        plain = lambda text: ''.join(char for char in text if char.isascii() and char.isalpha()) or 'SPECIMEN'  # noqa: E731
        width = m.random.choice([44, 36, 30])
        zone = [f'{m.pick("P|I|V|ID|P<")}<{code}{plain(surname)}<<{plain(first)}'.ljust(width, '<')[:width], f'{m.number(10**8, 10**9)}{m.number(0, 9)}{code}{born:%y%m%d}{m.number(0, 9)}{m.pick("M|F")}{m.number(200101, 341231)}'.ljust(width - 1, '<')[: width - 1] + str(m.number(0, 9))]
        if m.chance(0.2):
            lines = lines[: m.number(0, 3)]
    return [('receipt', lines), *([('receipt', zone)] if zone else [])]


def drawing(m):
    kind = m.pick('circuit|circuit|mechanical|plan')
    texts = []
    for _ in range(m.number(15, 160)):
        if kind == 'circuit':
            texts.append(m.random.choice([f'{m.pick("R|C|U|L|Q|D|J|TP|IC|X")}{m.number(1, 99)}', m.pick('10k|100nF|4k7|1uF|22pF|100R|10uF/16V|1N4148|BC847|74HC595|NC'), m.pick('GND|VCC|+3V3|+5V|3.3V|SDA|SCL|TXD|RXD|RESET|CLK|MISO|MOSI|GPIO12|USB_DP|USB_DM|PA3|PB7|ADC0|LCD_D4|VBUS|AGND|EN'), str(m.number(1, 64))]))
        elif kind == 'mechanical':
            texts.append(m.random.choice([f'{m.number(1, 400)}', f'Ø{m.number(2, 90)}', f'R{m.number(1, 30)}', f'M{m.number(3, 12)}x{m.number(6, 40)}', f'{m.number(1, 99)}.{m.number(0, 9)} ±0.1', f'{m.number(15, 90)}°', 'A-A', f'{m.number(2, 8)}x', 'H7']))
        else:
            texts.append(m.random.choice([f'{m.number(1, 30)}.{m.number(10, 99)} m²', m.pick('Kitchen|Bath|Bedroom|Hall|WC|Küche|Bad|Flur|Cuisine|Salón|Living'), f'{m.number(100, 999)}', f'+{m.number(0, 9)}.{m.number(10, 99)}']))
    title = [m.pick(f'Title: {m.noun().title()} Board|{m.noun().title()} schematic|Title: {m.noun().title()}|PROJECT: {m.company()}'), f'{m.pick("Rev|REV|Revision")}: {m.pick("A|B|1.2|C")}', f'{m.pick("Date|DATE|Datum")}: {m.date()}', f'{m.pick("Sheet|SHEET|Page|Blatt")}: {m.number(1, 3)}/{m.number(3, 9)}', m.pick('Scale 1:2|SCALE 1:50|Maßstab 1:100|Size: A4|Size: A3|NTS'), m.pick('Drawn by: ' + m.faker.last_name() + '|KiCad E.D.A.|UNLESS OTHERWISE SPECIFIED DIMENSIONS IN MM|Checked: ' + m.faker.first_name()), 'File: ' + m.noun().replace(' ', '_') + '.sch']
    m.random.shuffle(title)
    return [('scatter', texts), ('title-block', title[: m.number(2, 7)])]


def other(m):
    kind = m.number(0, 9)
    if kind == 0:  # verse
        return [('title', m.filled('The {N}')), *[('lines', [m.sentence('plain').split(',')[0][:50] for _ in range(4)]) for _ in range(m.number(1, 6))]]
    if kind == 1:  # a recipe
        return [('title', m.pick('Apple pie|Tomato soup|Pancakes|Kartoffelsalat|Ratatouille')), ('list', [f'{m.number(1, 500)} g {m.pick(TOPICS["food"][0])}' for _ in range(m.number(3, 9))]), ('p', m.pick('Mix the flour and the eggs, then bake for 40 minutes.|Chop the onions and fry them gently.|Simmer for half an hour and season to taste.')), ('p', m.text('plain', 2, 4))]
    if kind == 2:  # a leaf of a web site
        links = 'Home|Products|Services|About us|Team|Prices|Blog|Contact|Shop|Cart|FAQ|Support|Downloads|Login'
        return [('list', m.random.sample(links.split('|'), m.number(3, 9))), ('list', [m.noun().title() for _ in range(m.number(3, 9))]), ('title', m.company()), ('p', m.text('plain', 1, 3)), ('h', 2, m.noun().title()), ('p', m.text('plain', 1, 3)), ('p', m.pick('Privacy policy | Contact | © 2021|Impressum · Datenschutz|Cookies settings'))]
    if kind == 3:  # prose
        prose = 'She looked at the {n} and did not answer.|He had never seen such a {a} {n}.|“Where is the {n}?” asked {first}.|The night was {a}, and the {n} stood by the door.|For a long time nobody spoke.|{first} laughed and took the {n}.'
        return [('title', m.pick('Chapter I|Chapter 7|Kapitel 3|Prologue|I.')), *[('p', ' '.join(m.filled(m.pick(prose)) for _ in range(m.number(4, 9)))) for _ in range(m.number(2, 8))]]
    if kind == 4:  # a flyer
        return [('title', m.pick('SALE!|Open Day|Concert tonight|Flohmarkt|Lost cat|Summer festival')), ('lines', [m.date(), m.city(), m.pick('Admission free!|Eintritt frei|50 % off everything|Call us'), m.faker.phone_number()])]
    if kind == 5:  # lorem ipsum, test pages
        lorem = 'Lorem ipsum dolor sit amet, consectetur adipiscing elit. Sed non risus. Suspendisse lectus tortor, dignissim sit amet, adipiscing nec, ultricies sed, dolor.'
        return [('p', m.pick('Hello World|Test page|This is a test document|Sample PDF|Page 1|Simple document with text|A test file'))] if m.chance(0.6) else [('title', m.pick('Lorem ipsum|Test document|Sample')), *[('p', lorem) for _ in range(m.number(1, 5))]]
    if kind == 6:  # code
        return [('code', '\n'.join(f'{m.pick("int|let|var|const|def")} {m.noun().replace(" ", "_")} = {m.number(0, 99)};' for _ in range(m.number(4, 30))))]
    if kind == 7:  # a programme, a list
        return [('title', m.pick('Programme|Shopping list|Timetable|Menu|Glossary|Packing list')), ('list', [m.filled('{N}') for _ in range(m.number(4, 20))])]
    if kind == 8:  # an essay
        return [('title', m.filled('Thoughts on the {N}')), *[('p', m.text('plain', 3, 8, 1.0)) for _ in range(m.number(2, 7))]]
    return [('p', m.text('plain', 1, 4, 1.0)), *figures(m, 0.3)]


def message(m):
    labels = [part.split(',') for part in m.of(EMAIL).split('|')]
    subject = m.pick('|Re: |Fwd: |AW: ') + (m.filled('{n} on {day}') if m.language == 'en' else m.faker.sentence(nb_words=4).strip('.'))
    body = []
    if m.chance(0.7):
        body.append(m.filled(m.pick('Hi {first},|Hello,|Dear all,|Hi all,') if m.language == 'en' else m.pick(m.of(LETTER).split(';')[0])))
    body += [m.text('talk', 1, 4) for _ in range(m.number(1, 4))]
    body.append(m.pick('Best,|Thanks,|Cheers,|Regards,') if m.language == 'en' else m.pick(m.of(LETTER).split(';')[1]))
    body.append(m.faker.name())
    if m.chance(0.25):
        body.append(m.filled('On {date}, {name} wrote:\n> ') + m.text('talk', 1, 3))
    return labels, subject, body


def noisy(m, text):
    """As OCR reads: letters that look alike, spaces lost, signs missing."""
    alike = {'l': '1', 'O': '0', '0': 'O', 'i': 'l', 'm': 'rn', 'e': 'c', 'S': '5', 'B': '8', 'ü': 'u', 'é': 'e', 'ä': 'a', ',': '.', ':': ''}
    out = []
    for char in text:
        roll = m.random.random()
        if roll < m.noise and char in alike:
            char = alike[char]
        elif char == ' ' and roll < m.noise * 0.5:
            char = ''
        elif roll < m.noise * 0.1:
            char = ''
        out.append(char)
    return ''.join(out)


def latin(text):
    """What the fonts of every PDF reader have."""
    return text.encode('cp1252', 'replace').decode('cp1252')


def pdf(m, parts, kind):
    """A PDF of these parts."""
    font = IDEOGRAPHS.get(m.language) or m.random.choice(['Helvetica', 'Times-Roman', 'Helvetica', 'Courier' if kind in ('receipt', 'letter') else 'Helvetica'])
    bold = font if font in IDEOGRAPHS.values() else {'Helvetica': 'Helvetica-Bold', 'Times-Roman': 'Times-Bold', 'Courier': 'Courier-Bold'}[font]
    clean = (lambda text: text) if font in IDEOGRAPHS.values() else latin
    shown = lambda text: html.escape(clean(noisy(m, str(text)) if m.noise else str(text)))  # noqa: E731
    size = m.number(8, 12)
    page = m.random.choice([pagesizes.A4, pagesizes.A4, pagesizes.LETTER])
    margin = m.number(35, 80)
    columns = 1
    if kind == 'receipt' and m.chance(0.75):
        width = m.number(160, 330)
        page, margin = (width, m.number(int(width * 1.3), int(width * 3.4))), 12
    elif kind == 'identity-document':
        page = m.random.choice([(242, 153), (354, 248), (500, 350), (600, 400), pagesizes.A4])
        margin, size = 8, m.number(5, 8)
    elif kind == 'slides':
        page, size, margin = m.random.choice([(720, 540), (960, 540), (362, 272), (453, 255), (842, 595)]), 0, 30
        size = max(8, int(page[1] / 25))
        margin = int(page[1] / 12)
    elif kind == 'drawing':
        page = m.random.choice([pagesizes.landscape(pagesizes.A4), pagesizes.landscape(pagesizes.A3), (1224, 792), (2384, 1684), pagesizes.A4])
    elif kind == 'scientific-paper' and m.chance(0.55):
        columns = 2
        size, margin = m.number(8, 10), m.number(45, 60)
    elif kind == 'newspaper' and m.chance(0.6):
        columns = m.number(2, 6)
        size = m.number(6, 9)
        page = m.random.choice([pagesizes.A4, pagesizes.A3, pagesizes.LETTER])
        margin = 35
    elif kind in ('report', 'manual', 'other', 'contract', 'cv') and m.chance(0.1):
        columns = 2
    body = ParagraphStyle('body', fontName=font, fontSize=size, leading=size * 1.25, spaceAfter=size * 0.6)
    if font in IDEOGRAPHS.values():
        body.wordWrap = 'CJK'
    heading = lambda level: ParagraphStyle('h', parent=body, fontName=bold, fontSize=size * (2.0, 1.6, 1.3, 1.1)[level], leading=size * 2.2, spaceBefore=size * 0.5)  # noqa: E731
    flow = []
    fields = []

    def add(part):
        what = part[0]
        if what == 'title':
            flow.append(Paragraph(shown(part[1]), heading(0)))
        elif what == 'h':
            flow.append(Paragraph(shown(part[2]), heading(min(part[1], 3))))
        elif what == 'p':
            flow.append(Paragraph(shown(part[1]), body))
        elif what in ('lines', 'receipt'):
            tight = ParagraphStyle('tight', parent=body, spaceAfter=0)
            for line in part[1]:
                if what == 'receipt' and '   ' in str(line):
                    name, _, price = str(line).rpartition('   ')
                    flow.append(Table([[Paragraph(shown(name), tight), Paragraph(shown(price), tight)]], colWidths=['70%', '30%'], style=[('TOPPADDING', (0, 0), (-1, -1), 0), ('BOTTOMPADDING', (0, 0), (-1, -1), 0), ('LEFTPADDING', (0, 0), (-1, -1), 0)]))
                else:
                    flow.append(Paragraph(shown(line), tight))
            flow.append(Spacer(1, size))
        elif what in ('pairs', 'right'):
            rows = [[Paragraph(shown(name + (':' if m.pair_colon else '')), body), Paragraph(shown(value), body)] for name, value in part[1]]
            flow.append(Table(rows, hAlign='RIGHT' if what == 'right' else 'LEFT', colWidths=['25%', '25%'] if what == 'right' else ['30%', '50%'], style=[('TOPPADDING', (0, 0), (-1, -1), 0), ('BOTTOMPADDING', (0, 0), (-1, -1), 0)]))
            flow.append(Spacer(1, size))
        elif what == 'fields':
            for name in part[1]:
                flow.append(Paragraph(shown(name), body))
                fields.append(name)
        elif what == 'list':
            flow.append(ListFlowable([ListItem(Paragraph(shown(item), body)) for item in part[1]], bulletType='bullet', bulletFontName='Helvetica'))
        elif what == 'table':
            rows = [[Paragraph(shown(cell), body) for cell in row] for row in part[1]]
            style = [('VALIGN', (0, 0), (-1, -1), 'TOP')] + ([('GRID', (0, 0), (-1, -1), 0.5, 'black')] if m.pair_colon else [])
            widths = None if len(rows[0]) != 4 or kind != 'invoice' else ['46%', '14%', '20%', '20%']
            flow.append(Table(rows, style=style, colWidths=widths, splitInRow=1))
            flow.append(Spacer(1, size))
        elif what == 'code':
            flow.append(Preformatted(clean(part[1]), ParagraphStyle('code', parent=body, fontName='Courier')))
        elif what == 'break':
            flow.append(PageBreak())

    scattered = []
    pages = parts if kind == 'slides' else [parts]
    for at, page_parts in enumerate(pages):
        if at:
            flow.append(PageBreak())
        for part in page_parts:
            if part[0] in ('scatter', 'title-block'):
                scattered.append(part)
            else:
                add(part)
    head = m.pick(f'{m.company()}|{m.filled("{N} {N}")}|') if kind in ('report', 'manual', 'scientific-paper', 'contract', 'slides', 'form', 'newspaper', 'other') else ''
    foot = m.pick('Page {n}|{n}|- {n} -||{n} / 9|') if kind != 'receipt' else ''

    def draw(canvas, document):
        canvas.setFont(font if font not in IDEOGRAPHS.values() else 'Helvetica', max(size - 2, 6))
        number = canvas.getPageNumber()
        if head and number > 1:
            canvas.drawString(margin, page[1] - 18, clean(head) if font not in IDEOGRAPHS.values() else latin(head))
        if foot:
            canvas.drawCentredString(page[0] / 2, 14, foot.replace('{n}', str(number)))
        if number == 1:
            for part in scattered:
                for at, text in enumerate(part[1]):
                    if part[0] == 'scatter':
                        canvas.drawString(m.number(20, int(page[0]) - 60), m.number(60, int(page[1]) - 20), latin(text))
                    else:
                        canvas.drawString(page[0] - 200, 20 + 12 * at, latin(text))
            for at, name in enumerate(fields[:40]):
                canvas.acroForm.textfield(name=f'{name}{at}'.encode('ascii', 'ignore').decode(), x=page[0] / 2, y=max(page[1] - margin - 40 - at * 18, 20), width=150, height=14)

    out = io.BytesIO()
    document = BaseDocTemplate(out, pagesize=page, leftMargin=margin, rightMargin=margin, topMargin=margin, bottomMargin=margin, invariant=1)
    gap = 16
    width = (page[0] - 2 * margin - gap * (columns - 1)) / columns
    frames = [Frame(margin + at * (width + gap), margin, width, page[1] - 2 * margin, 0, 0, 0, 0) for at in range(columns)]
    document.addPageTemplates([PageTemplate(frames=frames, onPage=draw)])
    if not flow:
        flow.append(Spacer(1, 1))
    document.build(flow)
    return out.getvalue()


def plain(parts):
    """Paragraphs of text; the first of each pair says whether it is a heading."""
    for part in parts:
        what = part[0]
        if what == 'title':
            yield 1, part[1]
        elif what == 'h':
            yield part[1] + 1, part[2]
        elif what in ('p', 'code'):
            yield 0, part[1]
        elif what in ('lines', 'receipt'):
            yield 0, '\n'.join(str(line) for line in part[1])
        elif what in ('pairs', 'right'):
            yield 0, '\n'.join(f'{name}: {value}' for name, value in part[1])
        elif what == 'fields':
            yield 0, '\n'.join(f'{name}: ____________' for name in part[1])
        elif what == 'list':
            yield 0, '\n'.join(f'- {item}' for item in part[1])
        elif what == 'table':
            yield 0, '\n'.join('   '.join(str(cell) for cell in row) for row in part[1])
        elif what in ('scatter', 'title-block'):
            yield 0, '\n'.join(part[1])


def as_text(m, parts):
    return '\n\n'.join(text.upper() if level == 1 and m.pair_colon else text for level, text in plain(parts)).encode()


def as_html(m, parts):
    body = []
    for part in parts:
        if part[0] == 'table':
            body.append('<table>' + ''.join('<tr>' + ''.join(f'<td>{html.escape(str(cell))}</td>' for cell in row) + '</tr>' for row in part[1]) + '</table>')
        elif part[0] == 'list':
            body.append('<ul>' + ''.join(f'<li>{html.escape(str(item))}</li>' for item in part[1]) + '</ul>')
        else:
            for level, text in plain([part]):
                text = html.escape(text).replace('\n', '<br>')
                body.append(f'<h{level}>{text}</h{level}>' if level else f'<p>{text}</p>')
    return ('<!DOCTYPE html><html><head><meta charset="utf-8"></head><body>' + ''.join(body) + '</body></html>').encode()


def as_docx(m, parts):
    import docx

    document = docx.Document()
    for part in parts:
        if part[0] == 'table':
            table = document.add_table(rows=0, cols=max(len(row) for row in part[1]))
            for row in part[1]:
                for cell, value in zip(table.add_row().cells, row):
                    cell.text = str(value)
        elif part[0] == 'list':
            for item in part[1]:
                document.add_paragraph(str(item), style='List Bullet')
        else:
            for level, text in plain([part]):
                document.add_heading(text, min(level, 4) - 1 if level else 0) if level else document.add_paragraph(text)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def as_pptx(m, pages):
    import pptx

    presentation = pptx.Presentation()
    for at, page in enumerate(pages):
        slide = presentation.slides.add_slide(presentation.slide_layouts[0 if at == 0 else 1])
        for part in page:
            if part[0] in ('title', 'h'):
                slide.shapes.title.text = part[-1]
            elif len(slide.placeholders) > 1:
                slide.placeholders[1].text = '\n'.join(part[1]) if isinstance(part[1], list) else part[1]
    out = io.BytesIO()
    presentation.save(out)
    return out.getvalue()


def as_xlsx(m, sheets):
    import openpyxl

    book = openpyxl.Workbook()
    book.remove(book.active)
    for at, (name, rows) in enumerate(sheets):
        sheet = book.create_sheet(f'{name[:20]}{at}' if at else name[:20])
        for row in rows:
            sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def document(kind, seed):
    """Extension and bytes of a document."""
    makers = {'invoice': invoice, 'receipt': receipt, 'letter': letter, 'form': form, 'contract': contract, 'cv': cv, 'report': report, 'scientific-paper': paper, 'manual': manual, 'newspaper': newspaper, 'identity-document': identity, 'drawing': drawing, 'other': other}  # fmt: skip
    european = ['en', 'de', 'fr', 'es', 'it', 'nl', 'pt']
    languages = None if kind in ('invoice', 'receipt', 'letter', 'form', 'cv', 'identity-document') else european
    if kind == 'e-mail':
        languages = list(EMAIL)
    m = Maker(seed, languages)
    m.noise = m.random.choice([0.02, 0.06]) if m.chance(0.35) and kind in ('receipt', 'letter', 'form', 'invoice', 'identity-document', 'newspaper', 'contract') else 0
    m.pair_colon = m.chance(0.5)
    if kind == 'slides':
        pages = slides(m)
        return ('pptx', as_pptx(m, pages)) if m.chance(0.4) else ('pdf', pdf(m, pages, kind))
    if kind == 'spreadsheet':
        sheets = spreadsheet(m)
        if m.chance(0.7) or len({len(row) for row in sheets[0][1]}) > 1:
            return 'xlsx', as_xlsx(m, sheets)
        if m.chance(0.5):
            return 'csv', '\n'.join(','.join(f'"{cell}"' if ',' in str(cell) else str(cell) for cell in row) for row in sheets[0][1]).encode()
        return 'pdf', pdf(m, [('title', sheets[0][0]), ('table', [row for row in sheets[0][1] if len(row) == len(sheets[0][1][-1])])] if len(sheets[0][1][-1]) < 9 else [('table', [row[:8] for row in sheets[0][1]])], kind)
    if kind == 'e-mail':
        labels, subject, body = message(m)
        to, cc = m.faker.email(), m.faker.email()
        if m.chance(0.5):
            mail = email.message.EmailMessage()
            mail['From'], mail['To'], mail['Subject'] = f'{m.faker.ascii_email()}', to, subject
            mail['Date'] = email.utils.format_datetime(m.faker.date_time_between('-20y'))
            mail.set_content('\n\n'.join(body))
            return 'eml', mail.as_bytes()
        head = [f'{m.random.choice(label)}: {value}' for label, value in zip(labels, [f'{m.faker.name()} <{m.faker.email()}>', f'{m.faker.name()} <{to}>', subject, m.date() + ' 10:24', cc][: m.number(3, 5)])]
        m.random.shuffle(head)
        parts = [('lines', head), *[('p', text) for text in body]]
        return ('txt', as_text(m, parts)) if m.chance(0.3) or m.language not in european else ('pdf', pdf(m, parts, kind))
    parts = makers[kind](m)
    european_text = m.language in european or m.language in IDEOGRAPHS
    shares = {
        'receipt': (85, 10, 0, 5), 'identity-document': (85, 15, 0, 0), 'drawing': (100, 0, 0, 0), 'newspaper': (45, 20, 5, 30), 'letter': (50, 20, 25, 5), 'contract': (45, 30, 15, 10), 'cv': (55, 15, 25, 5),
        'scientific-paper': (80, 8, 6, 6), 'manual': (55, 15, 10, 20), 'report': (65, 10, 15, 10), 'other': (45, 20, 15, 20),
    }.get(kind, (65, 15, 12, 8))  # fmt: skip
    form_of = m.random.choices(['pdf', 'txt', 'docx', 'html'], shares)[0]
    if form_of == 'pdf' and european_text:
        return 'pdf', pdf(m, parts, kind)
    if form_of == 'docx':
        return 'docx', as_docx(m, parts)
    return ('html', as_html(m, parts)) if form_of == 'html' else ('txt', as_text(m, parts))


def main():
    folder, count = sys.argv[1], int(sys.argv[2])
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    for kind in TYPES:
        os.makedirs(os.path.join(folder, kind), exist_ok=True)
        for number in range(count):
            for attempt in range(3):
                try:
                    extension, data = document(kind, seed * 1_000_003 + TYPES.index(kind) * 50_021 + number + attempt * 7_919_993)
                    break
                except Exception as error:
                    # A word of Faker's that is longer than its column.
                    if 'too large' not in str(error) and 'LayoutError' not in type(error).__name__:
                        raise
            else:
                continue
            with open(os.path.join(folder, kind, f'{number:05}.{extension}'), 'wb') as file:
                file.write(data)


if __name__ == '__main__':
    main()
