"""Invented people for real applications.

german.data names nobody. The demo needs personal data to protect, so each applicant gets a name, an e-mail address, a
telephone number and an address that belong to no one: the mail domains are those reserved by RFC 2606, the telephone
numbers those that the German regulator sets aside for films. Some applicants apply more than once.
"""

from random import Random

FEMALE = (
    "Anna Berta Clara Dilek Elif Emma Fatma Franziska Greta Hanna Ingrid Jana Katrin Lena Maria Nadine Olga Petra "
    "Renate Sabine Tanja Ulrike Vera Yasemin Zofia"
).split()
MALE = (
    "Ahmet Anton Bernd Carlos Dieter Emil Felix Georg Hans Ivan Jonas Karl Lukas Mehmet Nikolai Otto Paul Ralf "
    "Stefan Thomas Uwe Viktor Walter Yusuf Piotr"
).split()
LAST = (
    "Albrecht Arslan Bauer Becker Braun Demir Dietrich Engel Fischer Frank Graf Haas Hartmann Hoffmann Huber "
    "Jansen Kaiser Kaya Keller Klein Koch Kowalski Krause Kurz Lang Lehmann Lorenz Maier Martin Meyer Nowak Otto "
    "Peters Pohl Richter Roth Sauer Schmidt Schreiber Schubert Schulz Seidel Simon Sommer Stein Thomas Vogel "
    "Wagner Weber Winkler Wolf Yilmaz Ziegler"
).split()
STREETS = (
    "Ahornweg Bahnhofstrasse Birkenallee Dorfstrasse Gartenweg Hauptstrasse Kirchgasse Lindenweg Marktplatz "
    "Rosenweg Schillerstrasse Wiesengrund"
).split()
# City, postal code, and the beginning of its numbers for films (Bundesnetzagentur, numbers for media use).
CITIES = [
    ("Berlin", "10115", "+49 30 23125"),
    ("Frankfurt am Main", "60311", "+49 69 90009"),
    ("Hamburg", "20095", "+49 40 66969"),
    ("Köln", "50667", "+49 221 4710"),
    ("München", "80331", "+49 89 99998"),
]
# The user of the seed queries; here the applicant with the most applications.
BEST_KNOWN_USER = 12345
FIRST_USER = 12001


def household(applications: list[dict], random: Random) -> list[int]:
    """Says which applicant each application is from: the same number where one person applies again.

    Only applications that agree in gender, age, job and housing are given to one person, three at most; about a fifth
    of the applications come from someone who applied before.
    """
    owner_of: list[int] = []
    open_for: dict[tuple, tuple[int, int]] = {}
    people = 0
    for application in applications:
        likeness = tuple(application[key] for key in ("gender", "age", "job", "housing"))
        person, count = open_for.get(likeness, (0, 3))
        if count < 3 and random.random() < 0.35:
            open_for[likeness] = (person, count + 1)
        else:
            person, people = people, people + 1
            open_for[likeness] = (person, 1)
        owner_of.append(person)
    return owner_of


def user_ids(owner_of: list[int]) -> list[str]:
    """Numbers the users; whoever applies most often is the user of the seed queries."""
    number_of = [FIRST_USER + person for person in range(max(owner_of) + 1)]
    keenest = max(set(owner_of), key=lambda person: (owner_of.count(person), -person))
    taken = BEST_KNOWN_USER - FIRST_USER
    number_of[keenest], number_of[taken] = number_of[taken], number_of[keenest]
    return [f"user_{number_of[person]}" for person in owner_of]


def person(gender: str, seed: str) -> dict[str, str]:
    """Invents the personal data of one applicant; the same seed gives the same person."""
    random = Random(seed)
    first, last = random.choice(FEMALE if gender == "female" else MALE), random.choice(LAST)
    city, postal_code, prefix = random.choice(CITIES)
    return {
        "name": f"{first} {last}",
        "email": f"{first}.{last}{random.randrange(100, 1000)}@example.{random.choice(['com', 'net', 'org'])}".lower(),
        "phone": f"{prefix} {random.randrange(1000):03}",
        "address": f"{random.choice(STREETS)} {random.randrange(1, 90)}, {postal_code} {city}",
    }
