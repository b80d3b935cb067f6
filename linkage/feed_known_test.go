package linkage_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"io"
	"os"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
	"github.com/hueandcry/hueandcry/linkage/linkagetest"
)

var rewrite = flag.Bool("rewrite", false, "write testdata/feed.json anew: a change of the wire")

// knownFeed is testdata/feed.json: known answers for whoever writes the other side of a feed.
// Bytes are in hexadecimal digits.
type knownFeed struct {
	Comment         string            `json:"comment"`
	AgreementJSON   string            `json:"agreement_json"`
	AgreementDigest string            `json:"agreement_digest"`
	Epoch           uint32            `json:"epoch"`
	LiveGeneration  string            `json:"live_generation"`
	BaseGeneration  string            `json:"base_generation"`
	Feed            string            `json:"feed"`
	Identifiers     []knownIdentifier `json:"identifiers"`
	Records         []knownRecord     `json:"records"`
	Batch           string            `json:"batch"`
	BatchDigest     string            `json:"batch_digest"`
	Opening         string            `json:"opening"`
	Request         string            `json:"request"`
	Answer          string            `json:"answer"`
	SessionRecord   string            `json:"session_record"`
	SessionJSON     string            `json:"session_record_json"`
	SessionHash     string            `json:"session_record_hash"`
	Padded          [][2]int          `json:"padded_counts"`
}

type knownIdentifier struct {
	Item string   `json:"item"`
	F    []string `json:"f"` // in every slot
}

type knownRecord struct {
	Operation   linkage.Operation `json:"operation"`
	ID          string            `json:"id"`
	Sequence    uint64            `json:"sequence"`
	Label       string            `json:"label"`
	Identifiers []int             `json:"identifiers"` // in the list above
	Nth         []int             `json:"nth"`
	Record      string            `json:"record"`
}

func hexOf[B []byte | [16]byte | [32]byte | linkage.GenerationID | linkage.FeedID](b B) string {
	var flat []byte
	switch b := any(b).(type) {
	case []byte:
		flat = b
	case [16]byte:
		flat = b[:]
	case [32]byte:
		flat = b[:]
	case linkage.GenerationID:
		flat = b[:]
	case linkage.FeedID:
		flat = b[:]
	}
	return hex.EncodeToString(flat)
}

// TestFeedKnownAnswers pins every byte of a small feed, as TestSessionKnownAnswer does of a session.
func TestFeedKnownAnswers(t *testing.T) {
	got := makeKnownFeed(t)
	if *rewrite {
		data, err := json.MarshalIndent(got, "", "\t")
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile("testdata/feed.json", append(data, '\n'), 0o644))
	}
	data, err := os.ReadFile("testdata/feed.json")
	require.NoError(t, err)
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	var want knownFeed
	require.NoError(t, dec.Decode(&want))
	_, err = dec.Token()
	require.ErrorIs(t, err, io.EOF)
	require.Len(t, want.Records, 3)
	require.Len(t, want.Identifiers, 2)
	require.Equal(t, want, got)
}

func makeKnownFeed(t *testing.T) knownFeed {
	ctx := linkagetest.FixedRandom(linkagetest.AllowPlain(t.Context()), "known feed")
	p := fixedParties(t, inBulk)
	tc, rc := p.TransmitterConfig(), p.ReceiverConfig()
	tc.Now, rc.Now = feedStart, feedStart
	ids := []hashing.Identifier{phone(t, 1), device(t, hashing.InstallID, 2)}
	state := &file{}
	tc.State = state
	base, sum := enrol(t, ctx, tc, rc, []linkage.Account{{Ref: "a", Identifiers: ids}})
	s, err := linkage.OpenState(tc, state)
	require.NoError(t, err)
	sealer, err := linkage.NewSealer(tc, s)
	require.NoError(t, err)
	d := &duty{Parties: p, sealer: sealer, epoch: sum.Epoch, own: linkage.NewKeeper(p.Agreement, sum.Epoch, p.Key)}

	form, err := json.Marshal(p.Agreement)
	require.NoError(t, err)
	k := knownFeed{
		Comment:       "PROTOCOL.md, sections 13 to 18. A phone number and an install id are enrolled in bulk, with fixed randomness; f is the function's value in the slots live and base.",
		AgreementJSON: string(form), AgreementDigest: hexOf(p.Agreement.Digest()), Epoch: d.epoch,
		LiveGeneration: hexOf(linkage.LiveGeneration(p.Agreement, d.epoch)), BaseGeneration: hexOf(base.Generation()), Feed: hexOf(sealer.Feed()),
	}
	for _, id := range ids {
		known := knownIdentifier{Item: hexOf(id.Digest(p.Agreement.Digest()))}
		for _, f := range sealer.Outputs(id) {
			known.F = append(known.F, hexOf(f))
		}
		k.Identifiers = append(k.Identifiers, known)
	}
	var records []linkage.Sealed
	for i, r := range []knownRecord{
		{Operation: linkage.Add, Sequence: 1, Label: hexOf([]byte("label")), Identifiers: []int{0, 1}, Nth: []int{0, 3}},
		{Operation: linkage.Revise, Sequence: 2, Label: "", Identifiers: []int{0}, Nth: []int{1}},
		{Operation: linkage.Retract, Sequence: 1 << 40},
	} {
		id := uuid.MustParse("0190a8f4-58a7-7b1f-9d5e-6f3c0a1b2c3d")
		id[15] = byte(i)
		label, err := hex.DecodeString(r.Label)
		require.NoError(t, err)
		var about []linkage.About
		for j, at := range r.Identifiers {
			a, err := sealer.Values(d.own, ids[at])
			require.NoError(t, err)
			a.Nth = uint16(r.Nth[j])
			about = append(about, a)
		}
		record, err := sealer.Record(d.own, r.Operation, id, r.Sequence, label, about)
		require.NoError(t, err)
		r.ID, r.Record = id.String(), hexOf(record.Bytes())
		records, k.Records = append(records, record), append(k.Records, r)
	}
	batch, digest, err := sealer.Batch(linkage.BatchHeader{Number: 2, Previous: [32]byte{1}, Time: feedStart, Complete: true}, records, 0)
	require.NoError(t, err)
	k.Batch, k.BatchDigest = hexOf(batch), hexOf(digest)

	e, err := linkage.NewEvaluatorOf(ctx, tc)
	require.NoError(t, err)
	b, err := linkage.NewBlinder(rc, d.epoch, e.Opening())
	require.NoError(t, err)
	blinding, err := b.Blind(ctx, ids)
	require.NoError(t, err)
	answer, err := e.Evaluate(ctx, blinding.Request())
	require.NoError(t, err)
	_, err = blinding.Finish(answer, d.own)
	require.NoError(t, err)
	k.Opening, k.Request, k.Answer = hexOf(e.Opening()), hexOf(blinding.Request()), hexOf(answer)

	r := statements(t, p)[1]
	form, err = r.MarshalBinary()
	require.NoError(t, err)
	text, err := json.Marshal(r)
	require.NoError(t, err)
	k.SessionRecord, k.SessionJSON, k.SessionHash = hexOf(form), string(text), hexOf(r.Hash())
	for _, n := range []int{0, 8, 9, 17, 1000, 10_000, 49_500} {
		k.Padded = append(k.Padded, [2]int{n, linkage.PaddedCount(n)})
	}
	return k
}
