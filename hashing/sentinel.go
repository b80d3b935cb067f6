package hashing

import "sync"

// sharedIMEIs are identifiers that many handsets are known to give. Many have a
// right check digit and a real type, so that only a list tells. All of them are
// published: they stand in the deny lists of applications and of their software
// kits, each of which found them shared by many of its users.
var sharedIMEIs = [...]string{
	// Emulators and test equipment.
	"000000000000000", "004999010640000", "012345678912345", "012345678901234", "012345678901237",
	"123456789012345", "111111111111111", "111111111111119", "000000011234564", "001068000000006",
	"004400152020000",
	// In the deny list of a push notification kit (open source) and of kits after it.
	"012379000772883", "113456798945455", "345630000000115", "352005048247251", "355195000000017",
	"355692547693084", "356299046587760", "356591000000222", "358000043654134", "358673013795895",
	"358701042909755", "862280010599525",
	// In the deny list of a messenger.
	"350305260000001", "351602000525820", "351751044067398", "351751045421180", "356531044590531",
	"357242041834521", "357242042804044", "358537040040544",
	// Samples of encyclopedias and manuals.
	"352099001761481", "356938035643809",
}

// sharedIDs are the same among other kinds, and the words that stand where an
// identifier should be: lower case, without separators.
var sharedIDs = [...]string{
	// Device identifiers that are neither IMEI nor anything else, by the same lists.
	"739463", "12345678", "88508850885050", "52443443484950", "8552502717594321",
	// Android identifiers: a fault of Android 2.2 that whole models shared; two that
	// the kits of two makers refuse; a sandbox for malware; a kit's own placeholder.
	"9774d56d682e549c", "a5f5faddde9e9f02", "8e17f7422b35fbea", "e21833235b6eef10", "dead00beef",
	"dead00beef00cafe",
	// Serial numbers and network addresses given in place of an identifier: the
	// address is what Android 6.0 and later gives every application.
	"0123456789", "1234567890", "0123456789abcde", "0123456789abcdef", "1234567890abcdef",
	"b0000000", "020000000000",
	// Samples of MEIDs: an encyclopedia's, and 3GPP2 X.S0008's.
	"af0123450abcde", "a10000009296f2",
	// Words.
	"unknown", "null", "nil", "none", "na", "nan", "undefined", "empty", "missing", "default",
	"emulator", "android", "sdk", "generic", "test", "testdevice", "invalid", "error", "notfound",
	"false", "true",
}

// knownIDs is both lists for looking up. Of an IMEI the 14 digits count that a
// handset also gives as the head of its IMEISV.
var knownIDs = sync.OnceValue(func() map[string]struct{} {
	ids := make(map[string]struct{}, 2*len(sharedIMEIs)+len(sharedIDs))
	for _, id := range sharedIMEIs {
		ids[id] = struct{}{}
		ids[id[:14]] = struct{}{}
	}
	for _, id := range sharedIDs {
		ids[id] = struct{}{}
	}
	return ids
})

// known reports whether the text, compact and in lower case, is in the lists or one
// character over and over.
func known(text []byte) bool {
	if _, ok := knownIDs()[string(text)]; ok {
		return true
	}
	return distinct(text) <= 1
}
