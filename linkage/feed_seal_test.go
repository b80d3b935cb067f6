package linkage_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
	"github.com/hueandcry/hueandcry/linkage/linkagetest"
)

func TestSealerRefuses(t *testing.T) {
	p := linkagetest.NewParties(inBulk, func(a *linkage.Agreement) {
		a.Kinds, a.SameVendor = []hashing.Kind{hashing.Phone, hashing.IMEI}, false
	})
	d := onDuty(t, p, nil)
	about := func(n uint64) linkage.About {
		a, err := d.sealer.Values(d.own, phone(t, n))
		require.NoError(t, err)
		require.Equal(t, d.own.Token(phone(t, n)), a.Token)
		return a
	}
	one, id := []linkage.About{about(1)}, uuid.New()
	many := make([]linkage.About, linkage.MaxIdentifiers+1)
	for i := range many {
		many[i] = about(uint64(100 + i))
	}
	far := []linkage.About{about(2)}
	far[0].Nth = uint16(p.Agreement.Limits.SignalsPerIdentifier)
	short := []linkage.About{about(2)}
	short[0].Values = short[0].Values[:48]
	for name, c := range map[string]struct {
		op       linkage.Operation
		id       uuid.UUID
		sequence uint64
		label    []byte
		about    []linkage.About
		want     linkage.Code
	}{
		"good":                       {linkage.Add, id, 1<<63 - 2, make([]byte, 64), one, 0},
		"as many as fit":             {linkage.Revise, id, 1, nil, many[:linkage.MaxIdentifiers], 0},
		"no operation":               {0, id, 1, nil, one, linkage.ErrInput},
		"unknown operation":          {4, id, 1, nil, one, linkage.ErrInput},
		"no ID":                      {linkage.Add, uuid.Nil, 1, nil, one, linkage.ErrInput},
		"add without a retract":      {linkage.Add, id, 1<<63 - 1, nil, one, linkage.ErrInput},
		"revise without a retract":   {linkage.Revise, id, 1<<63 - 1, nil, one, linkage.ErrInput},
		"last retract":               {linkage.Retract, id, 1<<63 - 1, nil, nil, 0},
		"sequence":                   {linkage.Retract, id, 1 << 63, nil, nil, linkage.ErrInput},
		"about nobody":               {linkage.Add, id, 1, nil, nil, linkage.ErrInput},
		"about very many":            {linkage.Add, id, 1, nil, many, linkage.ErrInput},
		"about one twice":            {linkage.Add, id, 1, nil, append(one, one...), linkage.ErrInput},
		"retract with a label":       {linkage.Retract, id, 1, []byte("x"), nil, linkage.ErrInput},
		"retract with an identifier": {linkage.Retract, id, 1, nil, one, linkage.ErrInput},
		"label too long":             {linkage.Add, id, 1, make([]byte, 65), one, linkage.ErrLimit},
		"too many signals":           {linkage.Add, id, 1, nil, far, linkage.ErrLimit},
		"values of another feed":     {linkage.Add, id, 1, nil, short, linkage.ErrState},
	} {
		r, err := d.sealer.Record(d.own, c.op, c.id, c.sequence, c.label, c.about)
		if c.want == 0 {
			require.NoError(t, err, name)
			again, err := d.sealer.Record(d.own, c.op, c.id, c.sequence, c.label, c.about)
			require.NoError(t, err)
			require.Equal(t, r, again)
			continue
		}
		require.ErrorIs(t, err, c.want, name)
		require.Zero(t, r.Len())
	}
	_, err := d.sealer.Values(d.own, hashing.Identifier{})
	require.ErrorIs(t, err, linkage.ErrInput)
	var kind *linkage.KindError
	_, err = d.sealer.Values(d.own, device(t, hashing.InstallID, 1))
	require.ErrorAs(t, err, &kind)

	record, err := d.sealer.Record(d.own, linkage.Add, id, 1, nil, one)
	require.NoError(t, err)
	good := linkage.BatchHeader{Number: 1, Time: feedStart}
	for name, c := range map[string]struct {
		change  func(h *linkage.BatchHeader)
		records []linkage.Sealed
		padding int
		want    linkage.Code
	}{
		"number zero":      {func(h *linkage.BatchHeader) { h.Number = 0 }, nil, 0, linkage.ErrInput},
		"no digest":        {func(h *linkage.BatchHeader) { h.Number = 2 }, nil, 0, linkage.ErrInput},
		"half a second":    {func(h *linkage.BatchHeader) { h.Time = h.Time.Add(1) }, nil, 0, linkage.ErrInput},
		"local time":       {func(h *linkage.BatchHeader) { h.Time = h.Time.In(time.FixedZone("x", 60)) }, nil, 0, linkage.ErrInput},
		"padding":          {func(h *linkage.BatchHeader) {}, nil, -1, linkage.ErrInput},
		"no record":        {func(h *linkage.BatchHeader) {}, []linkage.Sealed{d.sealer.Forged([]byte{1})}, 0, linkage.ErrInput},
		"two of a record":  {func(h *linkage.BatchHeader) {}, []linkage.Sealed{d.sealer.Forged(append(bytes.Clone(record.Bytes()), record.Bytes()...))}, 0, linkage.ErrInput},
		"one twice":        {func(h *linkage.BatchHeader) {}, []linkage.Sealed{record, record}, 0, linkage.ErrInput},
		"too many":         {func(h *linkage.BatchHeader) {}, []linkage.Sealed{record}, linkage.MaxRecords, linkage.ErrLimit},
		"all there can be": {func(h *linkage.BatchHeader) {}, []linkage.Sealed{record}, linkage.MaxRecords - 1, 0},
	} {
		h := good
		c.change(&h)
		data, _, err := d.sealer.Batch(h, c.records, c.padding)
		if c.want != 0 {
			require.ErrorIs(t, err, c.want, name)
			require.Nil(t, data)
			continue
		}
		require.NoError(t, err, name)
		b, err := linkage.ParseBatch(p.Agreement, data)
		require.NoError(t, err)
		require.Equal(t, c.padding+len(c.records), b.Len())
	}

	// Long labels fill a batch earlier.
	long := linkagetest.NewParties(func(a *linkage.Agreement) { a.LabelBytes = 1024 })
	s, err := linkage.NewSealer(long.TransmitterConfig(), nil)
	require.NoError(t, err)
	_, _, err = s.Batch(good, nil, linkage.MaxRecords)
	require.ErrorIs(t, err, linkage.ErrLimit)
	none := linkagetest.NewParties(func(a *linkage.Agreement) { a.LabelBytes = 0 })
	_, err = linkage.NewSealer(none.TransmitterConfig(), nil)
	require.ErrorIs(t, err, linkage.ErrInput)
}

// What is stored of an identifier is good where it was made, and only as it was made: moved, it
// would say of one what was said of another.
func TestAboutIsBound(t *testing.T) {
	one, two := phone(t, 1), phone(t, 2)
	d := onDuty(t, linkagetest.NewParties(inBulk), []linkage.Account{{Ref: "a", Identifiers: []hashing.Identifier{one}}})
	elsewhere := onDuty(t, d.Parties, nil)
	values := func(d *duty, k *linkage.Keeper, id hashing.Identifier) linkage.About {
		a, err := d.sealer.Values(k, id)
		require.NoError(t, err)
		return a
	}
	good, other := values(d, d.own, one), values(d, d.own, two)
	require.Len(t, good.Values, 2*32+16)
	record := func(k *linkage.Keeper, a linkage.About) error {
		r, err := d.sealer.Record(k, linkage.Add, uuid.New(), 1, nil, []linkage.About{a})
		require.Equal(t, err == nil, r.Len() > 0)
		return err
	}
	require.NoError(t, record(d.own, good))
	moved := good
	moved.Nth = 3 // the caller's
	require.NoError(t, record(d.own, moved))
	for name, bad := range map[string]linkage.About{
		"of another feed":   values(elsewhere, d.own, one),
		"another's values":  {Kind: good.Kind, Token: good.Token, Values: other.Values},
		"another's token":   {Kind: good.Kind, Token: other.Token, Values: good.Values},
		"another kind":      {Kind: hashing.InstallID, Token: good.Token, Values: good.Values},
		"slots swapped":     {Kind: good.Kind, Token: good.Token, Values: slices.Concat(good.Values[32:64], good.Values[:32], good.Values[64:])},
		"one slot":          {Kind: good.Kind, Token: good.Token, Values: good.Values[32:]},
		"none":              {Kind: good.Kind, Token: good.Token},
		"of another keeper": values(d, linkage.NewKeeper(d.Agreement, d.epoch, hashing.NewKey()), one),
	} {
		require.ErrorIs(t, record(d.own, bad), linkage.ErrState, name)
	}
	for i := range good.Values {
		bad := good
		bad.Values = bytes.Clone(good.Values)
		bad.Values[i] ^= 1
		require.ErrorIs(t, record(d.own, bad), linkage.ErrState, i)
	}
	require.ErrorIs(t, record(linkage.NewKeeper(d.Agreement, d.epoch, hashing.NewKey()), good), linkage.ErrState)
	later := linkage.NewKeeper(d.Agreement, d.epoch+1, hashing.NewKey())
	require.ErrorIs(t, record(later, good), linkage.ErrInput)
	_, err := d.sealer.Values(later, one)
	require.ErrorIs(t, err, linkage.ErrInput)
}

// Whether padding fits depends on sizes alone, and is as far as it can be like the Adds.
func TestPaddingFitsWithoutLuck(t *testing.T) {
	d := onDuty(t, linkagetest.NewParties(func(a *linkage.Agreement) { a.LabelBytes = 256 }), nil)
	ids := make([]hashing.Identifier, linkage.MaxIdentifiers)
	for i := range ids {
		ids[i] = phone(t, uint64(i+1))
	}
	records := []linkage.Sealed{d.record(t, &linkage.Flagged{ID: uuid.New(), Sequence: 2, Identifiers: ids[:1]}), d.record(t, &linkage.Flagged{ID: uuid.New(), Sequence: 2, Identifiers: ids})}
	room := linkage.MaxBatch - (180 + 16 + 64) - records[0].Len() - records[1].Len()
	most := room / records[0].Len()
	h := linkage.BatchHeader{Number: 1, Time: feedStart}
	data, _, err := d.sealer.Batch(h, records, most)
	require.NoError(t, err)
	b, err := linkage.ParseBatch(d.Agreement, data)
	require.NoError(t, err)
	require.Equal(t, most+2, b.Len())
	_, _, err = d.sealer.Batch(h, records, most+1)
	require.ErrorIs(t, err, linkage.ErrLimit)
}

// Padding looks like the real ones to whoever holds none of their identifiers: the same fields,
// and numbers of identifiers as theirs.
func TestPaddingLooksLikeAdds(t *testing.T) {
	d := onDuty(t, linkagetest.NewParties(), nil)
	c := &chain{duty: d}
	real := c.cut(t, d.record(t, &linkage.Flagged{ID: uuid.New(), Sequence: 3, Identifiers: []hashing.Identifier{phone(t, 1), phone(t, 2)}}),
		d.retract(t, uuid.New(), 9))
	for i := range real.Len() {
		if r := real.Record(i); r.Operation() != linkage.Retract {
			require.Equal(t, linkage.Add, r.Operation())
			require.Equal(t, []any{uint64(3), 2}, []any{r.Sequence(), r.Identifiers()})
			first, second := r.Tag(0, 0), r.Tag(1, 0)
			require.Negative(t, bytes.Compare(first[:], second[:]))
		}
	}
	empty := c.cut(t)
	require.Equal(t, 8, empty.Len())
	for i := range empty.Len() {
		require.Equal(t, []any{uint64(0), 1}, []any{empty.Record(i).Sequence(), empty.Record(i).Identifiers()})
	}
}

func TestKeeperSealsBytes(t *testing.T) {
	p := linkagetest.NewParties()
	key := hashing.NewKey()
	k := linkage.NewKeeper(p.Agreement, 1, key)
	plain, bound := []byte("segment"), []byte("where it is stored")
	sealed := k.SealBytes([]byte("front"), plain, bound)
	require.Len(t, sealed, len("front")+len(plain)+28)
	require.NotEqual(t, sealed, k.SealBytes([]byte("front"), plain, bound))
	back, err := linkage.NewKeeper(p.Agreement, 1, key).OpenBytes([]byte("x"), sealed[5:], bound)
	require.NoError(t, err)
	require.Equal(t, "xsegment", string(back))
	for i := range sealed[5:] {
		bad := bytes.Clone(sealed[5:])
		bad[i] ^= 1
		_, err := k.OpenBytes(nil, bad, bound)
		require.ErrorIs(t, err, linkage.ErrState)
	}
	for _, other := range []*linkage.Keeper{linkage.NewKeeper(p.Agreement, 2, key), linkage.NewKeeper(p.Agreement, 1, hashing.NewKey())} {
		_, err := other.OpenBytes(nil, sealed[5:], bound)
		require.ErrorIs(t, err, linkage.ErrState)
	}
	_, err = k.OpenBytes(nil, sealed[5:], nil)
	require.ErrorIs(t, err, linkage.ErrState)
	_, err = k.OpenBytes(nil, nil, nil)
	require.ErrorIs(t, err, linkage.ErrState)
}
