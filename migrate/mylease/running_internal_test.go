package mylease

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestReads(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"SELECT 1":                      true,
		"  (select 1) union (select 2)": true,
		"/* shop:web */ -- note\n# more\n select * from orders":   true,
		"WITH x AS (SELECT 1) SELECT * FROM x":                    true,
		"WITH x AS (SELECT 1) UPDATE orders, x SET n = 1":         false,
		"SHOW FULL PROCESSLIST":                                   true,
		"selection":                                               false,
		"/**/ALTER TABLE orders ADD COLUMN s int":                 false,
		"/*!40000 ALTER TABLE orders DISABLE KEYS */":             false,
		"/* SELECT */ UPDATE orders SET s = 1":                    false,
		"-- SELECT\nDELETE FROM orders":                           false,
		"COMMIT":                                                  false,
		"CALL migrate()":                                          false,
		"SET STATEMENT max_statement_time=0 FOR ALTER TABLE x":    false,
		"INSERT INTO orders SELECT * FROM old":                    false,
		"LOAD DATA INFILE 'x' INTO TABLE y":                       false,
		"":                                                        false,
		"CREATE INDEX i ON orders (s)":                            false,
		"/* unfinished":                                           false,
		"EXPLAIN UPDATE orders SET s = 1":                         true,
		"/* a */ /* b */ (\n/* c */ SELECT 1)":                    true,
		"INSERT INTO stackrescue_lease (name) VALUES ('orders')":  false,
		"UPDATE stackrescue_lease SET beat = beat + 1":            false,
		"INSERT INTO stackrescue_fence (name, epoch) VALUES (1,)": false,
	} {
		require.Equal(t, want, reads(text), text)
	}
	require.True(t, own("INSERT INTO stackrescue_fence (name, epoch) VALUES (?, ?)"))
	require.True(t, own("/* proxy */ UPDATE stackrescue_lease SET beat = beat + 1"))
	require.False(t, own("ALTER TABLE stackrescue_lease ADD COLUMN s int"))
	require.False(t, own("UPDATE orders SET s = 'UPDATE stackrescue_lease'"))
}

func TestRemaining(t *testing.T) {
	t.Parallel()
	before := []running{{id: 1, text: "a"}, {id: 2, text: "b"}, {id: 3, text: "c", seconds: 100}, {id: 4, text: "d"}}
	now := []running{
		{id: 1, text: "a", seconds: 9},   // goes on: the server counts whole seconds
		{id: 2, text: "b", seconds: 8},   // again
		{id: 3, text: "x", seconds: 109}, // another one
		{id: 5, text: "d", seconds: 10},  // a connection that was not there
	}
	require.Equal(t, []int{1}, ids(remaining(before, now, 9*time.Second)))
	require.Empty(t, remaining(nil, now, 0))
	require.Equal(t, []int{1, 2}, ids(remaining(before, now, 0)))
}

func TestEndable(t *testing.T) {
	t.Parallel()
	self := client{"app", "10.0.0.7"}
	update, alter := "UPDATE orders SET s = 1", "/* x */ ALTER TABLE orders ADD s int"
	for name, c := range map[string]struct {
		of     client
		text   string
		before string
		want   bool
	}{
		"of the host that led":              {client{"app", "10.0.0.5"}, update, "10.0.0.5", true},
		"of another host":                   {client{"app", "10.0.0.6"}, alter, "10.0.0.5", false},
		"of another user":                   {client{"root", "10.0.0.5"}, alter, "10.0.0.5", false},
		"nobody knows who led":              {client{"app", "10.0.0.5"}, alter, "", false},
		"all come from here, and no schema": {client{"app", "10.0.0.7"}, update, "10.0.0.7", false},
		"all come from here, and a schema":  {client{"app", "10.0.0.7"}, alter, "10.0.0.7", true},
	} {
		require.Equal(t, c.want, running{from: c.of, text: c.text}.endable(self, c.before), name)
	}
	for host, want := range map[string]string{"10.0.0.5:4711": "10.0.0.5", "localhost": "localhost", "2001:db8::1:4711": "2001:db8::1", "db.internal:1": "db.internal"} {
		require.Equal(t, want, address(host))
	}
}
