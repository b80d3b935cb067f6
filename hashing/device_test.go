package hashing_test

import (
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/hashing"
)

var deviceKinds = []hashing.Kind{
	hashing.IMEI, hashing.MEID, hashing.AdvertisingID, hashing.VendorID, hashing.AndroidID, hashing.InstallID,
}

// TestDeviceSpellings: every row is one device.
func TestDeviceSpellings(t *testing.T) {
	for _, row := range []struct {
		kind      hashing.Kind
		spellings []string
	}{
		{hashing.IMEI, []string{
			"351829407361952", "35182940 736195 2", "35-182940-736195-2", "35/182940/736195/2", "35.182940.736195.2",
			"\t351829407361952\r\n", "3518294073619500", "3518294073619578", "35-182940-736195-78", "35182940 - 7361952",
		}},
		{hashing.IMEI, []string{"869137052483062", "8691370524830603"}},
		// The decimal form and both check digits are those of 3GPP2 X.S0008's
		// reckoning, worked out in TestMEIDArithmetic.
		{hashing.MEID, []string{
			"A1B03F7C2D94E6", "a1b03f7c2d94e6", "A1 B03F7C 2D94E6", "A1-B03F7C-2D94E6", meidWithCheck("a1b03f7c2d94e6"),
			meidDecimal("a1b03f7c2d94e6"), meidDecimal("a1b03f7c2d94e6") + decimalCheck(meidDecimal("a1b03f7c2d94e6")),
		}},
		{hashing.MEID, []string{"99000482617359", "99000482617359" + decimalCheck("99000482617359"), meidDecimal("99000482617359")}},
		{hashing.AdvertisingID, []string{
			"5d1c9a52-8e07-4b3f-a4d6-27f0b9638ce1", "5D1C9A52-8E07-4B3F-A4D6-27F0B9638CE1", " 5d1c9a528e074b3fa4d627f0b9638ce1 ",
			"{5d1c9a52-8e07-4b3f-a4d6-27f0b9638ce1}", "urn:uuid:5d1c9a52-8e07-4b3f-a4d6-27f0b9638ce1", "URN:UUID:5D1C9A52-8E07-4B3F-A4D6-27F0B9638CE1",
		}},
		{hashing.VendorID, []string{"C02F7B81-64DA-4E95-9A3D-E1570B48F926", "c02f7b8164da4e959a3de1570b48f926"}},
		{hashing.AndroidID, []string{"7c3e91f05ab2d846", "7C3E91F05AB2D846", " 7c3e91f05ab2d846\n"}},
		{hashing.InstallID, []string{"e94b07d2136fa85c", "E94B07D2136FA85C"}},
		{hashing.InstallID, []string{"b6a83f0d5c1e4972a0d9e47b358c61f2", "b6a83f0d-5c1e-4972-a0d9-e47b358c61f2"}},
	} {
		first := parse(t, row.kind, row.spellings[0])
		assert.Equal(t, row.kind, first.Kind())
		for _, s := range row.spellings[1:] {
			id, err := hashing.ParseDevice(row.kind, s)
			if assert.NoError(t, err, "%s %q", row.kind, s) {
				assert.True(t, first == id, "%s %q", row.kind, s)
			}
		}
	}
}

// TestDeviceRefusals gives a reason for every way of being wrong.
func TestDeviceRefusals(t *testing.T) {
	for _, row := range []struct {
		kind   hashing.Kind
		text   string
		reason hashing.Reason
	}{
		{0, "351829407361952", hashing.ReasonUnknownKind},
		{hashing.Phone, "351829407361952", hashing.ReasonUnknownKind},
		{99, "351829407361952", hashing.ReasonUnknownKind},

		{hashing.IMEI, "", hashing.ReasonEmpty},
		{hashing.IMEI, " \t\n", hashing.ReasonEmpty},
		{hashing.IMEI, "351829407361953", hashing.ReasonChecksum},
		{hashing.IMEI, "35182940736195", hashing.ReasonMalformed},
		{hashing.IMEI, "35182940736195212", hashing.ReasonMalformed},
		{hashing.IMEI, "-351829407361952", hashing.ReasonMalformed},
		{hashing.IMEI, "35182940736195a", hashing.ReasonMalformed},
		{hashing.IMEI, "35182940736195２", hashing.ReasonMalformed}, // full-width 2
		{hashing.IMEI, "35:182940:736195:2", hashing.ReasonMalformed},
		{hashing.IMEI, strings.Repeat(" -", 40) + "351829407361952", hashing.ReasonMalformed},
		{hashing.IMEI, "35" + strings.Repeat("-", 80) + "1829407361952", hashing.ReasonMalformed},
		{hashing.IMEI, "35182940*******", hashing.ReasonMasked},
		{hashing.IMEI, "35182940XXXXXX2", hashing.ReasonMasked},
		{hashing.IMEI, withLuhn("00182940736195"), hashing.ReasonUnallocated},
		{hashing.IMEI, withLuhn("04182940736195"), hashing.ReasonUnallocated},
		{hashing.IMEI, "8518294073619500", hashing.ReasonUnallocated},
		{hashing.IMEI, "012345678912345", hashing.ReasonSentinel},
		{hashing.IMEI, "0049990106400099", hashing.ReasonSentinel}, // the same handset as an IMEISV
		{hashing.IMEI, "000000000000000", hashing.ReasonSentinel},
		{hashing.IMEI, "9999999999999999", hashing.ReasonSentinel},
		{hashing.IMEI, "UNKNOWN", hashing.ReasonSentinel},
		{hashing.IMEI, "N/A", hashing.ReasonSentinel},
		{hashing.IMEI, withLuhn("35182940000001"), hashing.ReasonLowEntropy},
		{hashing.IMEI, withLuhn("35182940123456"), hashing.ReasonLowEntropy},
		{hashing.IMEI, withLuhn("35182940121212"), hashing.ReasonLowEntropy},
		{hashing.IMEI, withLuhn("35182940500007"), hashing.ReasonLowEntropy},
		{hashing.IMEI, withLuhn("35123456789012"), hashing.ReasonLowEntropy},

		{hashing.MEID, "A1B03F7C2D94E", hashing.ReasonMalformed},
		{hashing.MEID, "A1B03F7C2D94E6" + wrong(meidWithCheck("a1b03f7c2d94e6")), hashing.ReasonChecksum},
		{hashing.MEID, meidDecimal("a1b03f7c2d94e6") + wrong(meidDecimal("a1b03f7c2d94e6")+decimalCheck(meidDecimal("a1b03f7c2d94e6"))), hashing.ReasonChecksum},
		{hashing.MEID, "429496729600000001", hashing.ReasonMalformed}, // 2^32 in the head
		{hashing.MEID, "271278758016777216", hashing.ReasonMalformed}, // 2^24 in the tail
		{hashing.MEID, "35182940736195", hashing.ReasonUnallocated},
		{hashing.MEID, "99B03F7C2D94E6", hashing.ReasonUnallocated},
		{hashing.MEID, "9FB03F7C2D94E6", hashing.ReasonUnallocated},
		{hashing.MEID, "A1B03F7C000001", hashing.ReasonLowEntropy},
		{hashing.MEID, "FFFFFFFFFFFFFF", hashing.ReasonSentinel},

		{hashing.AdvertisingID, "00000000-0000-0000-0000-000000000000", hashing.ReasonSentinel},
		{hashing.AdvertisingID, "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF", hashing.ReasonSentinel},
		{hashing.AdvertisingID, "x5d1c9a52-8e07-4b3f-a4d6-27f0b9638ce1y", hashing.ReasonMalformed}, // package uuid takes this
		{hashing.AdvertisingID, "{5d1c9a52-8e07-4b3f-a4d6-27f0b9638ce1)", hashing.ReasonMalformed},
		{hashing.AdvertisingID, "urn:guid:5d1c9a52-8e07-4b3f-a4d6-27f0b9638ce1", hashing.ReasonMalformed},
		{hashing.AdvertisingID, "e94b07d2136fa85c", hashing.ReasonMalformed},
		{hashing.VendorID, "12345678-1234-1234-1234-123456789012", hashing.ReasonLowEntropy},
		{hashing.VendorID, "6ba7b810-9dad-11d1-80b4-00c04fd430c8", hashing.ReasonSentinel},
		{hashing.VendorID, "00112233-4455-6677-8899-aabbccddeeff", hashing.ReasonLowEntropy},

		{hashing.AndroidID, "9774d56d682e549c", hashing.ReasonSentinel},
		{hashing.AndroidID, "9774D56D682E549C", hashing.ReasonSentinel},
		{hashing.AndroidID, "7c3e91f05ab2d84", hashing.ReasonMalformed},
		{hashing.AndroidID, "7c3e91f0-5ab2d846", hashing.ReasonMalformed},
		{hashing.AndroidID, "0123456789abcdef", hashing.ReasonSentinel},
		{hashing.AndroidID, "fedcba9876543210", hashing.ReasonLowEntropy},
		{hashing.AndroidID, "6789abcdef012345", hashing.ReasonLowEntropy},
		{hashing.AndroidID, "0000000000003039", hashing.ReasonLowEntropy},
		{hashing.AndroidID, "a1b2c3d4e5f60718", hashing.ReasonLowEntropy},
		{hashing.AndroidID, "deadbeefcafebabe", hashing.ReasonLowEntropy},
		{hashing.AndroidID, "1234123412341234", hashing.ReasonLowEntropy},
		{hashing.AndroidID, "12341234abcdabcd", hashing.ReasonLowEntropy},
		{hashing.AndroidID, hex.EncodeToString([]byte("UNKNOWN1")), hashing.ReasonLowEntropy},
		{hashing.AndroidID, "4207849484f7849", hashing.ReasonMalformed},

		{hashing.InstallID, hex.EncodeToString([]byte("emulator-5554-01")), hashing.ReasonLowEntropy},
		{hashing.InstallID, "e94b07d2136fa85c0", hashing.ReasonMalformed},
		{hashing.InstallID, "(null)", hashing.ReasonSentinel},
		{hashing.InstallID, "02:00:00:00:00:00", hashing.ReasonSentinel},
		{hashing.InstallID, strings.Repeat("e94b07d2", 1000), hashing.ReasonMalformed},
	} {
		id, err := hashing.ParseDevice(row.kind, row.text)
		var refusal *hashing.Error
		if assert.ErrorAs(t, err, &refusal, "%s %q", row.kind, row.text) {
			assert.Equal(t, row.reason, refusal.Reason, "%s %q", row.kind, row.text)
			assert.ErrorIs(t, err, row.reason)
		}
		assert.True(t, id.IsZero(), "%s %q", row.kind, row.text)
	}
}

// TestInstallIDWidths: no 64-bit value is the same as a 128-bit one, because what
// would be the same is refused.
func TestInstallIDWidths(t *testing.T) {
	short := "e94b07d2136fa85c"
	a := parse(t, hashing.InstallID, short)
	for _, pad := range []string{short + "0000000000000000", "0000000000000000" + short, short + short} {
		_, err := hashing.ParseDevice(hashing.InstallID, pad)
		assert.ErrorIs(t, err, hashing.ReasonLowEntropy, pad)
	}
	b := parse(t, hashing.AndroidID, short)
	assert.False(t, a == b, "kinds are apart")
}

// TestBogusDeviceIDs: whatever is in the list is refused by every kind it can be
// given as.
func TestBogusDeviceIDs(t *testing.T) {
	rows := readData(t, "device_ids/bogus_device_ids_open.csv")
	require.GreaterOrEqual(t, len(rows), 44)
	reasons := map[hashing.Reason]int{}
	for _, row := range rows {
		for _, kind := range deviceKinds {
			id, err := hashing.ParseDevice(kind, row["value"])
			var refusal *hashing.Error
			if assert.ErrorAs(t, err, &refusal, "%q as %s", row["value"], kind) {
				reasons[refusal.Reason]++
			}
			assert.True(t, id.IsZero())
		}
	}
	t.Logf("%d rows: %v", len(rows), reasons)
}

// TestUUIDCases reads the cases of package uuid as identifiers.
func TestUUIDCases(t *testing.T) {
	rows := readData(t, "device_ids/google_uuid_parse_cases_BSD_open.csv")
	require.NotEmpty(t, rows)
	for _, row := range rows {
		for _, kind := range []hashing.Kind{hashing.AdvertisingID, hashing.VendorID, hashing.InstallID} {
			_, err := hashing.ParseDevice(kind, row["input"])
			if row["is_uuid"] == "true" {
				assert.NoError(t, err, row["input"])
			} else {
				assert.ErrorIs(t, err, hashing.ReasonMalformed, row["input"])
			}
		}
	}
}

// TestDeviceLosses measures how many genuine identifiers the patterns cost: of a million of each
// with HUEANDCRY_FULL.
func TestDeviceLosses(t *testing.T) {
	const seed = 20261123
	n := 200_000
	switch {
	case os.Getenv("HUEANDCRY_FULL") != "":
		n = 1_000_000
	case raceEnabled || testing.Short():
		n = 100_000
	}
	t.Logf("seed %d, %d of each", seed, n)
	for i, kind := range []struct {
		name string
		kind hashing.Kind
		most int // refusals of n
		make func(r *rand.Rand) string
	}{
		{"AndroidID", hashing.AndroidID, n / 100_000, random64},
		{"InstallID, 64 bits", hashing.InstallID, n / 100_000, random64},
		{"InstallID, 128 bits", hashing.InstallID, n / 100_000, func(r *rand.Rand) string { return random64(r) + random64(r) }},
		{"UUID version 4", hashing.AdvertisingID, n / 100_000, func(r *rand.Rand) string {
			var u uuid.UUID
			for i := range u {
				u[i] = byte(r.Uint32())
			}
			u[6], u[8] = u[6]&15|0x40, u[8]&63|0x80
			return u.String()
		}},
		// TestIMEISerialLosses counts these exactly; here is room for chance.
		{"IMEI, random type and serial", hashing.IMEI, n / 200, func(r *rand.Rand) string {
			body := []string{"01", "35", "86"}[r.IntN(3)]
			return withLuhn(fmt.Sprintf("%s%06d%06d", body, r.IntN(1e6), r.IntN(1e6)))
		}},
		{"MEID, random", hashing.MEID, n / 1000, func(r *rand.Rand) string {
			return fmt.Sprintf("A%013x", r.Uint64()>>12)
		}},
	} {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, uint64(i)))
			refused := map[hashing.Reason]int{}
			total := 0
			for range n {
				if _, err := hashing.ParseDevice(kind.kind, kind.make(r)); err != nil {
					total++
					refused[err.(*hashing.Error).Reason]++
				}
			}
			t.Logf("refused %d of %d: %v", total, n, refused)
			assert.LessOrEqual(t, total, kind.most)
		})
	}
}

// TestIMEISerialLosses counts exactly, over all serials of one type, what the
// documentation says.
func TestIMEISerialLosses(t *testing.T) {
	if testing.Short() {
		t.Skip("a million serial numbers: not in a short run")
	}
	refused := 0
	for serial := range 1_000_000 {
		_, err := hashing.ParseDevice(hashing.IMEI, fmt.Sprintf("86913705%06d01", serial))
		if err != nil {
			require.ErrorIs(t, err, hashing.ReasonLowEntropy)
			refused++
		}
	}
	assert.Equal(t, 3096, refused)
}

func random64(r *rand.Rand) string { return fmt.Sprintf("%016x", r.Uint64()) }

func TestParseDeviceAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	key := hashing.NewKey()
	salt := [32]byte{1}
	for _, d := range devices {
		assert.Zero(t, testing.AllocsPerRun(1000, func() {
			id, _ := hashing.ParseDevice(d.kind, d.text)
			id.Digest(salt)
		}), d.name)
	}
	id := parse(t, hashing.AndroidID, "7c3e91f05ab2d846")
	assert.LessOrEqual(t, testing.AllocsPerRun(1000, func() { key.Token(id) }), 8.0, "what crypto/hmac takes")
}

func FuzzParseDevice(f *testing.F) {
	for _, d := range devices {
		f.Add(byte(d.kind), d.text)
	}
	for _, s := range []string{"", "unknown", "35-182940-736195-2", "35182940*******", "429496729600000001",
		"{5d1c9a52-8e07-4b3f-a4d6-27f0b9638ce1}", "urn:uuid:5d1c9a52-8e07-4b3f-a4d6-27f0b9638ce1", "004999010640000"} {
		for kind := range byte(9) {
			f.Add(kind, s)
		}
	}
	f.Fuzz(func(t *testing.T, kind byte, text string) {
		id, err := hashing.ParseDevice(hashing.Kind(kind), text)
		again, errAgain := hashing.ParseDevice(hashing.Kind(kind), " "+strings.ToUpper(text)+"\n")
		if err != nil {
			var refusal *hashing.Error
			require.ErrorAs(t, err, &refusal)
			require.True(t, id.IsZero())
			for i := 0; i+4 <= len(text); i++ {
				if strings.ContainsAny(text[i:i+4], "0123456789") {
					require.NotContains(t, err.Error(), text[i:i+4])
				}
			}
			return
		}
		require.Equal(t, hashing.Kind(kind), id.Kind())
		require.NoError(t, errAgain)
		require.True(t, id == again, "case and white space do not count")
	})
}

// withLuhn appends the check digit of ISO/IEC 7812-1, reckoned the long way.
func withLuhn(digits string) string { return digits + decimalCheck(digits) }

func decimalCheck(digits string) string { return checkDigit(digits, 10) }

func meidWithCheck(digits string) string { return digits + checkDigit(digits, 16) }

// checkDigit tries every digit until the sum comes out.
func checkDigit(digits string, base int) string {
	const all = "0123456789abcdef"
	for _, c := range all[:base] {
		sum, double := 0, false
		whole := digits + string(c)
		for i := len(whole) - 1; i >= 0; i-- {
			v := strings.IndexByte(all, whole[i])
			if double {
				v *= 2
			}
			for ; v > 0; v /= base {
				sum += v % base
			}
			double = !double
		}
		if sum%base == 0 {
			return string(c)
		}
	}
	panic("no check digit")
}

// wrong is the last digit of the text, changed.
func wrong(text string) string {
	if text[len(text)-1] == '1' {
		return "2"
	}
	return "1"
}

// meidDecimal writes 14 hexadecimal digits as 18 decimal ones.
func meidDecimal(digits string) string {
	var high, low uint64
	_, err := fmt.Sscanf(digits, "%8x%6x", &high, &low)
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf("%010d%08d", high, low)
}

// TestMEIDArithmetic checks the reckoning of these tests itself against the worked
// example that is printed wherever MEIDs are explained.
func TestMEIDArithmetic(t *testing.T) {
	assert.Equal(t, "af0123450abcdec", meidWithCheck("af0123450abcde"))
	assert.Equal(t, "293608736500703710", meidDecimal("af0123450abcde"))
	assert.Equal(t, "0", decimalCheck("293608736500703710"))
	assert.Equal(t, "490154203237518", withLuhn("49015420323751"))

	// As samples they are refused, in every writing.
	for _, s := range []string{"AF 012345 0ABCDE", "AF-01-23-45-0A-BC-DE-C", "29360 87365 0070 3710", "29360 87365 0070 3710 0"} {
		_, err := hashing.ParseDevice(hashing.MEID, s)
		assert.ErrorIs(t, err, hashing.ReasonSentinel, s)
	}
	_, err := hashing.ParseDevice(hashing.IMEI, "49-015420-323751-8")
	assert.NoError(t, err, "the worked example of the standards, which no handset was seen to carry")
}

// readData reads a table of the data folder that lies beside the checkout, or skips
// the test where there is none.
func readData(t *testing.T, name string) []map[string]string {
	t.Helper()
	file, err := os.Open(filepath.Join(dataFolder(t), filepath.FromSlash(name)))
	if err != nil {
		t.Skipf("no data: %v", err)
	}
	defer file.Close()
	table, err := csv.NewReader(file).ReadAll()
	require.NoError(t, err)
	require.NotEmpty(t, table)
	var rows []map[string]string
	for _, line := range table[1:] {
		row := map[string]string{}
		for i, column := range table[0] {
			row[column] = line[i]
		}
		rows = append(rows, row)
	}
	return rows
}

func dataFolder(t *testing.T) string {
	t.Helper()
	if folder := os.Getenv("HUEANDCRY_DATA"); folder != "" {
		return folder
	}
	here, err := os.Getwd()
	require.NoError(t, err)
	for {
		if folder := filepath.Join(filepath.Dir(here), "shared", "data"); isFolder(folder) {
			return folder
		}
		parent := filepath.Dir(here)
		if parent == here {
			t.Skip("no data folder beside the checkout; HUEANDCRY_DATA names one")
		}
		here = parent
	}
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
