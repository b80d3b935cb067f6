package hashing

// fictionRanges are the numbers that regulators keep free of lines for films, books
// and examples. In a database they stand for a test or a lie, under many accounts
// at once. Patterns are of the national significant number.
var fictionRanges = [...]struct {
	code    int
	pattern string
	source  string
}{
	{
		// 555-0100 to 555-0199 in every area; under the freephone codes, in
		// which other 555 numbers are in use, 800-555-0199 alone.
		1, `(?:[2-79]\d\d|8(?:0[1-9]|1\d|2[013-9]|3[0-24-9]|4[0-35-9]|5[0-46-9]|6[0-57-9]|7[0-689]|8[0-79]|9\d))55501\d\d|8005550199`,
		"ATIS-0300115, 555 NXX Assignment Guidelines; NANPA",
	},
	{
		33, `(?:19900|26191|35301|46571|53649|63998)\d{4}`,
		"ARCEP, décision 2018-0881, numéros pour les œuvres audiovisuelles",
	},
	{
		44, `11[3-8]4960\d{3}|1[2-6]14960\d{3}|1632960\d{3}|1914980\d{3}|2079460\d{3}|` +
			`2890180\d{3}|2896496\d{3}|2920180\d{3}|3069990\d{3}|7700900\d{3}|8081570\d{3}|9098790\d{3}`,
		"Ofcom, Telephone numbers for use in TV and radio drama programmes",
	},
	{
		46, `3139006\d\d|4062804\d\d|8465004\d\d|9803192\d\d|70174060[5-9]|7017406[1-9]\d`,
		"PTS, Telefonnummer för användning i böcker och filmer",
	},
	{
		49, `3023125\d{3}|6990009\d{3}|4066969\d{3}|2214710\d{3}|8999998\d{3}|` +
			`17139200\d\d|17604069[0]\d\d|15228817386|15228895456|15254599371|` +
			`172(?:9925904|9968532|9973185|9973186|9980752)|174(?:9091317|9464308)`,
		"Bundesnetzagentur, Mitteilung 148/2021, Rufnummern für Medienproduktionen",
	},
	{
		61, `[2378](?:5550|7010)\d{4}|491570(?:006|15[6-9]|110|313|737)|491571(?:266|491|804)|` +
			`491572(?:549|665|983)|491573(?:770|087)|491574(?:118|632)|491575(?:254|789)|` +
			`491576(?:398|801)|491577(?:426|644)|491578(?:957|148|888)|491579(?:212|760|455)|` +
			`1[38]00975(?:70[7-9]|71[01])|1800160401|1900654321`,
		"ACMA, Phone numbers for use in TV shows, films and creative works",
	},
	{
		353, `2091\d{5}`,
		"ComReg, National Numbering Conventions, numbers for drama use",
	},
}
