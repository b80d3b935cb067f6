package hashing

import (
	"testing"

	"github.com/nyaruka/phonenumbers"
)

// Numbers reserved for fiction would be refused, so these are examples of the
// metadata: [0] as E.164, [1] nationally, [2] in its region.
var benchPhones = [][3]string{
	{"+12015550123", "(201) 555-0123", "US"},
	{"+447400123456", "07400 123456", "GB"},
	{"+4915123456789", "01512 3456789", "DE"},
	{"+33612345678", "06 12 34 56 78", "FR"},
	{"+918123456789", "081234 56789", "IN"},
	{"+5511961234567", "(11) 96123-4567", "BR"},
	{"+819012345678", "090-1234-5678", "JP"},
	{"+79123456789", "8 (912) 345-67-89", "RU"},
}

func BenchmarkPhoneE164Digest(b *testing.B) {
	parser := PhoneParser{Fiction: true}
	salt := [32]byte{1}
	plans()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		id, err := parser.Parse(benchPhones[i%len(benchPhones)][0])
		if err != nil {
			b.Fatal(err)
		}
		id.Digest(salt)
	}
}

// The two benchmarks below read the same spellings, so that their ratio says what
// our own checks cost.
func BenchmarkPhoneNational(b *testing.B) {
	plans()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		phone := benchPhones[i%len(benchPhones)]
		if _, err := (PhoneParser{Region: phone[2], Fiction: true}).Parse(phone[1]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNyarukaParse(b *testing.B) {
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		phone := benchPhones[i%len(benchPhones)]
		if _, err := phonenumbers.Parse(phone[1], phone[2]); err != nil {
			b.Fatal(err)
		}
	}
}
