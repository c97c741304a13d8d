"""Names that everybody knows and kinds of names, to write text with: peoples, titles, bodies, papers, teams, chains. All of it common knowledge."""
_split = lambda text: [part.strip() for part in text.replace("\n", " ").split("|")]

COUNTRIES = """Germany France Spain Italy Portugal Poland Sweden Norway Denmark Finland Iceland Ireland Scotland Wales England Belgium
Netherlands Luxembourg Switzerland Austria Hungary Romania Bulgaria Greece Turkey Ukraine Russia Estonia Latvia Lithuania Croatia Serbia
Slovenia Slovakia Albania Malta Cyprus Israel Egypt Morocco Algeria Tunisia Libya Nigeria Ghana Kenya Uganda Tanzania Ethiopia Zambia
Zimbabwe Mozambique Angola Namibia Botswana Senegal Mali Rwanda Sudan Somalia Congo Afghanistan India Pakistan Bangladesh Nepal China Japan Taiwan
Vietnam Thailand Malaysia Indonesia Singapore Philippines Cambodia Laos Myanmar Burma Mongolia Kazakhstan Uzbekistan Iran Iraq Syria Jordan Lebanon
Palestine Kuwait Qatar Bahrain Oman Yemen Australia Canada Mexico Guatemala Honduras Nicaragua Panama Cuba Jamaica Haiti Colombia Venezuela Ecuador
Peru Bolivia Brazil Paraguay Uruguay Argentina Chile Georgia Armenia Azerbaijan Moldova Belarus Montenegro Kosovo Bosnia Macedonia Fiji Samoa Britain
America""".split() + [
    "United States", "United Kingdom", "USA", "U.S.", "UK", "US", "U.S.A.", "U.K.", "UAE", "United Arab Emirates", "South Africa", "South Korea", "North Korea",
    "New Zealand", "Saudi Arabia", "Czech Republic", "Hong Kong", "Costa Rica", "Sri Lanka", "El Salvador", "Ivory Coast", "Puerto Rico", "Great Britain",
    "Dominican Republic", "Northern Ireland", "Soviet Union", "Deutschland", "Österreich", "Schweiz", "España", "Francia", "Italia", "Polska", "Sverige",
    "Nederland", "Suisse", "Allemagne",
]
DEMONYMS = _split("""German|French|Spanish|Italian|Portuguese|Polish|Swedish|Norwegian|Danish|Finnish|Icelandic|Irish|Scottish|Welsh|English|Belgian|Dutch|Swiss|Austrian|
Hungarian|Romanian|Bulgarian|Greek|Turkish|Ukrainian|Russian|Estonian|Latvian|Lithuanian|Croatian|Serbian|Bosnian|Slovenian|Slovak|Czech|Albanian|Maltese|
Cypriot|Israeli|Palestinian|Egyptian|Moroccan|Algerian|Tunisian|Libyan|Nigerian|Ghanaian|Kenyan|Ugandan|Ethiopian|Somali|Sudanese|Congolese|Rwandan|Afghan|Indian|
Pakistani|Bangladeshi|Nepali|Nepalese|Chinese|Japanese|Taiwanese|Vietnamese|Thai|Malaysian|Malay|Indonesian|Singaporean|Filipino|Cambodian|Burmese|Mongolian|Kazakh|
Uzbek|Iranian|Persian|Iraqi|Syrian|Jordanian|Lebanese|Kuwaiti|Qatari|Saudi|Yemeni|Australian|Canadian|American|Mexican|Cuban|Jamaican|Haitian|Colombian|Venezuelan|
Peruvian|Bolivian|Brazilian|Argentinian|Argentine|Chilean|Georgian|Armenian|Korean|South Korean|North Korean|South African|British|European|African|Asian|
Latin American|North American|Western|Arab|Arabic|Kurdish|Jewish|Muslim|Islamic|Christian|Catholic|Protestant|Hindu|Buddhist|Sikh|Shiite|Shia|Sunni|Hispanic|Latino|
Germans|Spaniards|Italians|Poles|Swedes|Norwegians|Danes|Finns|Scots|Belgians|Austrians|Hungarians|Romanians|Bulgarians|Greeks|Turks|Ukrainians|Russians|Croats|Serbs|
Czechs|Albanians|Israelis|Palestinians|Egyptians|Moroccans|Algerians|Libyans|Nigerians|Kenyans|Somalis|Afghans|Indians|Pakistanis|Filipinos|Thais|Malaysians|
Indonesians|Vietnamese|Iranians|Persians|Iraqis|Syrians|Jordanians|Saudis|Yemenis|Australians|Canadians|Americans|Mexicans|Cubans|Haitians|Colombians|Venezuelans|
Brazilians|Argentinians|Chileans|Koreans|Brits|Europeans|Africans|Asians|Arabs|Kurds|Jews|Muslims|Christians|Catholics|Hindus|Buddhists|Shiites|Sunnis|Republicans|
Democrats|Texan|Californian|Parisian|New Yorkers|Londoners|Bavarian""")
TITLES = _split("""Mr|Mrs|Ms|Miss|Dr|Doctor|Prof|Professor|President|Vice President|Prime Minister|Minister|Foreign Minister|Defense Minister|Chancellor|Senator|Sen|Rep|
Governor|Gov|Mayor|Judge|Justice|King|Queen|Prince|Princess|Pope|Sir|Lord|Lady|Sheikh|Sheik|Imam|Ayatollah|Rabbi|Father|Sister|Brother|Pastor|Reverend|Rev|Bishop|Saint|
General|Gen|Colonel|Col|Captain|Capt|Major|Lieutenant|Lt|Sergeant|Sgt|Officer|Detective|Coach|Nurse|Chef|Uncle|Aunt|Auntie|Herr|Frau|Mme|Madame|Monsieur|Señor|Señora|Sr|Sra|
Ambassador|Secretary|Secretary of State|Attorney General|Congressman|Congresswoman|Chairman|Director|Counsel|Commissioner|Inspector""")
STATES = _split("""Alabama|Alaska|Arizona|Arkansas|California|Colorado|Connecticut|Delaware|Florida|Georgia|Hawaii|Idaho|Illinois|Indiana|Iowa|Kansas|Kentucky|Louisiana|
Maine|Maryland|Massachusetts|Michigan|Minnesota|Mississippi|Missouri|Montana|Nebraska|Nevada|New Hampshire|New Jersey|New Mexico|New York|North Carolina|Ohio|Oklahoma|
Oregon|Pennsylvania|Rhode Island|South Carolina|Tennessee|Texas|Utah|Vermont|Virginia|Washington|West Virginia|Wisconsin|Wyoming|Ontario|Quebec|Alberta|Manitoba|
British Columbia|Queensland|Victoria|New South Wales|AL|AZ|CA|CO|CT|DC|FL|GA|IL|KY|LA|MA|MD|MI|MN|MO|NC|NJ|NM|NV|NY|OH|OK|PA|SC|TN|TX|UT|VA|WA|WI|BC|ON|NSW|QLD|Calif|Tex|
Goa|Gujarat|Maharashtra|Karnataka|Rajasthan|Assam|Bihar""")
#: Bodies, groups, papers, teams, schools: organisations that no legal form gives away.
BODIES = _split("""Congress|Senate|House of Representatives|Supreme Court|Pentagon|State Department|Treasury Department|Department of Defense|Department of Justice|Justice Department|
Department of Education|Ministry of Defence|Foreign Office|Home Office|Parliament|Bundestag|Knesset|Kremlin|CIA|FBI|NSA|IRS|EPA|FDA|FEMA|FAA|SEC|FCC|FERC|NASA|ESA|UN|EU|NATO|WHO|WTO|
IMF|World Bank|OPEC|UNESCO|UNICEF|United Nations|Security Council|European Union|European Parliament|European Commission|Red Cross|Red Crescent|Amnesty International|Greenpeace|
Human Rights Watch|Salvation Army|Army|Navy|Air Force|Marine Corps|Marines|National Guard|Coast Guard|Republican Guard|Mossad|IDF|Interpol|Scotland Yard|Taliban|Hezbollah|Fatah|PLO|ISIS|
Al Qaeda|al-Qaeda|Boko Haram|IRA|ETA|Baath Party|Labour Party|Labour|Conservative Party|Tories|Liberal Democrats|Republican Party|Democratic Party|GOP|Communist Party|Green Party|CDU|SPD|
Likud|BJP|ANC|PRI|Muslim Brotherhood|Ku Klux Klan|Federal Reserve|Bank of England|Bundesbank|Supreme Council|High Court|City Council|School Board|Chamber of Commerce|Teamsters|ACLU|NRA|
AARP|NAACP|Planned Parenthood|Boy Scouts|Girl Scouts|Rotary Club|YMCA|Church of England|Vatican|Vatican Bank|Mormon Church|AP|Associated Press|Reuters|AFP|Al Jazeera|CNN|Fox News|NBC|CBS|
ABC News|BBC|BBC News|Sky News|NPR|New York Times|NY Times|Washington Post|Wall Street Journal|Financial Times|Guardian|Economist|Time Magazine|Newsweek|Le Monde|Der Spiegel|El País|Pravda|
Tass|Economic Times|Harvard|Yale|Princeton|Stanford|MIT|UCLA|NYU|USC|Cambridge University|Oxford|Texas A&M|Ohio State|Penn State|Michigan State University|Rice University|Duke|
NFL|NBA|MLB|NHL|FIFA|UEFA|NCAA|IOC|Yankees|Red Sox|Mets|Dodgers|Cubs|Cowboys|Packers|Patriots|Steelers|Lakers|Celtics|Bulls|Knicks|Rangers|Maple Leafs|Chelsea|Arsenal|Liverpool|
Manchester City|Barcelona|Juventus|Beatles|Rolling Stones|Metallica|Led Zeppelin|Radiohead""")
FIRMS = _split("""Microsoft|Google|Yahoo|eBay|Amazon|Apple|Intel|AMD|Dell|HP|IBM|Cisco|Oracle|Nvidia|Adobe|Netscape|AOL|MSN|Comcast|Verizon|AT&T|Sprint|T-Mobile|Vodafone|Nokia|Motorola|Sony|
Samsung|Toshiba|Panasonic|Canon|Nikon|General Motors|GM|Ford|Chrysler|Toyota|Honda|Nissan|Hyundai|BMW|Volkswagen|General Electric|GE|Boeing|Lockheed Martin|Halliburton|Bechtel|Exxon|
ExxonMobil|Chevron|Texaco|Shell|BP|ConocoPhillips|Dynegy|Reliant Energy|Duke Energy|Southern California Edison|Pacific Gas and Electric|PG&E|Calpine|Goldman Sachs|Morgan Stanley|Merrill Lynch|
Lehman Brothers|Citibank|Citigroup|Bank of America|Wells Fargo|Chase|JP Morgan|Capital One|American Express|Visa|Mastercard|Arthur Andersen|Ernst & Young|KPMG|Deloitte|
PricewaterhouseCoopers|McKinsey|Vinson & Elkins|Skadden|FedEx|UPS|DHL|Delta|United Airlines|American Airlines|Southwest|Continental|Lufthansa|British Airways|Ryanair|Emirates|Air India|
Amtrak|Greyhound|Hertz|Avis|Enterprise|Geico|Allstate|State Farm|Blue Cross|Aetna|Kaiser|Pfizer|Merck|Procter & Gamble|Johnson & Johnson|Pepsi|Kraft|Nestlé|Unilever|Disney|Warner Bros|
Paramount|Universal|Pixar|HBO|Netflix|Facebook|Twitter|YouTube|LinkedIn|Skype|PayPal|Craigslist|Wikipedia|Yelp|TripAdvisor|Expedia|Priceline|Ticketmaster|Comcast|DirecTV|Nike|Adidas|
Walmart|Wal-Mart|Penguin Books|HarperCollins|Simon & Schuster|Purina|Monsanto|Siemens|Infosys|Wipro|Tata|Reliance|Petrobras|Gazprom|Alstom|Petco|Jiffy Lube|Midas|Century 21|Re/Max""")
#: Chains that people go to; as a place to be, Universal NER calls them locations.
CHAINS = _split("""McDonald's|Burger King|Wendy's|Taco Bell|KFC|Subway|Pizza Hut|Domino's|Papa John's|Chipotle|Olive Garden|Red Lobster|Outback|Denny's|IHOP|Waffle House|
TGI Fridays|Starbucks|Dunkin Donuts|Panera|Chick-fil-A|Five Guys|Arby's|Dairy Queen|Popeyes|Nando's|Pret|Costa|Wagamama|PF Chang's|Ruth's Chris|Hilton|Marriott|Holiday Inn|
Best Western|Hampton Inn|Motel 6|Days Inn|Comfort Inn|Ramada|Sheraton|Westin|Hyatt|Radisson|Four Seasons|Ritz Carlton|Premier Inn|Ibis|La Quinta""")
SHOPS = _split("""Target|Best Buy|Costco|Kroger|Safeway|Whole Foods|Trader Joe's|Home Depot|Lowe's|Sears|Macy's|Kohl's|JC Penney|Walgreens|CVS|PetSmart|Barnes and Noble|IKEA|Tesco|Aldi|Lidl|
Radio Shack|Staples|Office Depot|Ace Hardware|AutoZone|Toys R Us|Old Navy|Gap|Michaels|Sam's Club""")
EATERIES = _split("Pizza|Pizzeria|Grill|Bar & Grill|Cafe|Café|Coffee|Coffee House|Diner|Deli|Bakery|Steakhouse|Restaurant|Bistro|BBQ|Tavern|Pub|Burgers|Kitchen|Sushi|Noodle House|Buffet|Taqueria|Brewery|Lounge|Tea House|Thai|Curry House|Trattoria|Cantina")
HOTELS = _split("Hotel|Inn|Suites|Resort|Lodge|Motel|Hostel|Guest House|Plaza Hotel|Inn & Suites|Bed and Breakfast|Villas")
SITES = _split("""Park|Museum|Zoo|Airport|International Airport|Station|Train Station|Bridge|Theatre|Theater|Stadium|Arena|Mall|Beach|Island|Lake|River|Valley|Mountains|Bay|Hall|Building|Tower|Castle|
Cathedral|Church|Temple|Library|Square|Plaza|Center|Garden|Gardens|Zoo|Falls|Canyon|National Park|State Park|Hospital|Golf Club|Country Club|Apartments|Cemetery|Prison|High School|Elementary School|
Community Center|Convention Center|Opera House|Air Base|Harbor|Pier|Trail|Creek|County|Shopping Center|Farmers Market""")
TRADES = _split("""Auto Repair|Auto Body|Motors|Plumbing|Heating and Cooling|Roofing|Landscaping|Dental|Family Dentistry|Orthodontics|Veterinary Clinic|Animal Hospital|Chiropractic|Realty|
Insurance|Law Firm|Law Office|Moving|Movers|Storage|Cleaners|Dry Cleaning|Salon|Hair Studio|Nails|Day Spa|Photography|Florist|Flowers|Catering|Electric|Painting|Flooring|Carpet|
Pest Control|Locksmith|Towing|Taxi|Cabs|Limo|Tutoring|Dance Studio|Karate|Yoga|Fitness|Daycare|Preschool|Computers|Printing|Jewelers|Bike Shop|Music|Tattoo|Pharmacy|Optometry|Medical Group|
Physical Therapy|Mortgage|Tax Service|Travel|Pool Service|Construction|Home Inspection|Tree Service""")
#: Names of firms in other languages, {} a surname or a city.
FOREIGN_FIRMS = _split("""Bäckerei {}|Autohaus {}|Klinik {}|Kanzlei {}|Praxis {}|Tischlerei {}|Gasthof {}|Spedition {}|Druckerei {}|Volksbank {}|Finanzamt {}|Amtsgericht {}|Landratsamt {}|
Jobcenter {}|Hausverwaltung {}|Steuerbüro {}|Institut für Optik {}|Verein der Freunde {}|Landesamt für Umwelt {}|Société {}|Cabinet {}|Boulangerie {}|Garage {}|Banque {}|Caisse {}|Mairie de {}|
Clinique {}|Imprimerie {}|Laboratoire {}|Transports {}|Éditions {}|Tribunal de {}|Notaría {}|Talleres {}|Banco {}|Ayuntamiento de {}|Clínica {}|Bodegas {}|Asesoría {}|Studio {}|Studio Legale {}|Banca {}|
Comune di {}|Officine {}|Farmacia {}|Falegnameria {}|Gemeente {}|Stichting {}|Bakkerij {}|Waterschap {}|Makelaardij {}|Urząd Miasta {}|Zakład {}|Hurtownia {}|Kancelaria {}|Politechnika {}|Kommunen {}|
{} Bygg|{} Fisk|{} Elektronik|{} Transport|{} Frakt|Construtora {}|Padaria {}|Câmara Municipal de {}|Transportadora {}|{} & Söhne|{} & Fils|{} Hermanos|{} e Figli|{} & Zonen|{} i Wspólnicy|
{} og Sønner""")
