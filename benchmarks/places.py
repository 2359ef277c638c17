"""Cities of Italy and Europe as they are; what a made-up night happens in."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class City:
    """A city; ``weight`` is how many nights it has compared with others, coordinates in degrees."""

    name: str
    code: str
    lat: float
    lon: float
    weight: int


_TABLE: Final = """
Milano it 45.4642 9.1900 30
Roma it 41.9028 12.4964 30
Napoli it 40.8518 14.2681 18
Torino it 45.0703 7.6869 16
Bologna it 44.4949 11.3426 20
Firenze it 43.7696 11.2558 14
Rimini it 44.0678 12.5695 12
Riccione it 43.9992 12.6556 8
Cesena it 44.1391 12.2431 8
Cesenatico it 44.1998 12.3950 5
Cervia it 44.2636 12.3477 5
Forlì it 44.2227 12.0407 5
Ravenna it 44.4184 12.2035 6
Faenza it 44.2857 11.8833 3
Imola it 44.3530 11.7141 3
Ferrara it 44.8381 11.6198 5
Modena it 44.6471 10.9252 6
Parma it 44.8015 10.3279 6
Piacenza it 45.0526 9.6930 3
Palermo it 38.1157 13.3615 9
Catania it 37.5079 15.0830 8
Messina it 38.1938 15.5540 3
Siracusa it 37.0755 15.2866 3
Taormina it 37.8516 15.2853 3
Bari it 41.1171 16.8719 8
Lecce it 40.3515 18.1750 6
Gallipoli it 40.0557 17.9926 4
Taranto it 40.4644 17.2470 3
Foggia it 41.4622 15.5446 2
Matera it 40.6664 16.6043 2
Genova it 44.4056 8.9463 8
Sanremo it 43.8159 7.7761 3
Venezia it 45.4408 12.3155 8
Jesolo it 45.5333 12.6417 4
Verona it 45.4384 10.9916 7
Padova it 45.4064 11.8768 8
Vicenza it 45.5455 11.5354 3
Treviso it 45.6669 12.2430 4
Trieste it 45.6495 13.7768 4
Udine it 46.0711 13.2346 3
Trento it 46.0748 11.1217 3
Bolzano it 46.4983 11.3548 3
Brescia it 45.5416 10.2118 5
Bergamo it 45.6983 9.6773 5
Monza it 45.5845 9.2744 3
Como it 45.8081 9.0852 3
Varese it 45.8206 8.8251 2
Mantova it 45.1564 10.7914 2
Cremona it 45.1336 10.0227 2
Pavia it 45.1847 9.1582 3
Pisa it 43.7228 10.4017 5
Livorno it 43.5485 10.3106 4
Lucca it 43.8429 10.5027 3
Siena it 43.3188 11.3308 3
Arezzo it 43.4633 11.8797 2
Prato it 43.8777 11.1022 3
Viareggio it 43.8667 10.2500 3
Perugia it 43.1107 12.3908 5
Ancona it 43.6158 13.5189 4
Pesaro it 43.9125 12.9155 3
Senigallia it 43.7197 13.2172 3
Pescara it 42.4618 14.2161 4
L'Aquila it 42.3498 13.3995 2
Salerno it 40.6824 14.7681 3
Sorrento it 40.6263 14.3758 2
Cagliari it 39.2238 9.1217 4
Sassari it 40.7259 8.5557 2
Olbia it 40.9236 9.4964 2
Reggio_Emilia it 44.6989 10.6297 4
Reggio_Calabria it 38.1113 15.6473 2
La_Spezia it 44.1025 9.8241 2
San_Marino sm 43.9424 12.4578 2
Berlin de 52.5200 13.4050 14
Hamburg de 53.5511 9.9937 6
München de 48.1351 11.5820 7
Köln de 50.9375 6.9603 5
Paris fr 48.8566 2.3522 12
Lyon fr 45.7640 4.8357 5
Marseille fr 43.2965 5.3698 4
Nice fr 43.7102 7.2620 3
Barcelona es 41.3851 2.1734 10
Madrid es 40.4168 -3.7038 9
Valencia es 39.4699 -0.3763 4
Sevilla es 37.3891 -5.9845 3
Ibiza es 38.9067 1.4206 6
Lisboa pt 38.7223 -9.1393 5
Porto pt 41.1579 -8.6291 3
London gb 51.5072 -0.1276 14
Manchester gb 53.4808 -2.2426 4
Dublin ie 53.3498 -6.2603 4
Amsterdam nl 52.3676 4.9041 7
Bruxelles be 50.8503 4.3517 4
Wien at 48.2082 16.3738 5
Zürich ch 47.3769 8.5417 4
Praha cz 50.0755 14.4378 4
Budapest hu 47.4979 19.0402 4
Kraków pl 50.0647 19.9450 3
København dk 55.6761 12.5683 3
Stockholm se 59.3293 18.0686 3
Oslo no 59.9139 10.7522 2
Helsinki fi 60.1699 24.9384 2
Ljubljana si 46.0569 14.5058 2
Zagreb hr 45.8150 15.9819 2
Split hr 43.5081 16.4402 2
Mykonos gr 37.4467 25.3289 2
"""


def _city(line: str) -> City:
    name, code, lat, lon, weight = line.split()
    return City(name.replace("_", " "), code, float(lat), float(lon), int(weight))


CITIES: Final = tuple(_city(line) for line in _TABLE.strip().splitlines())
