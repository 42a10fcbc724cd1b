package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAddresses takes apart what teams have in their variables: characters that
// should have been escaped, and an "@" among the parameters.
func TestAddresses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]address{
		"postgres://app:pw@db:5432/shop?sslmode=disable":                         {host: "db", port: "5432", user: "app", password: "pw", name: "shop"},
		"postgres://app:pw@db/shop?application_name=a@b&sslmode=require":         {host: "db", user: "app", password: "pw", name: "shop"},
		"postgres://db/shop?user=app@server&password=p@w?x":                      {host: "db", user: "app@server", password: "p@w?x", name: "shop"},
		"jdbc:postgresql://db:5432/shop?user=app&password=p@w#1":                 {host: "db", port: "5432", user: "app", password: "p@w#1", name: "shop"},
		"postgres://app:p@ss/w#rd%@db:1/shop?sslmode=disable":                    {host: "db", port: "1", user: "app", password: "p@ss/w#rd%", name: "shop"},
		"postgres://app:p?x=1&a@db:1/shop":                                       {host: "db", port: "1", user: "app", password: "p?x=1&a", name: "shop"},
		"postgres://app:p?x=1&a@db:1/shop?pool=5":                                {host: "db", port: "1", user: "app", password: "p?x=1&a", name: "shop"},
		"postgres://app:p%40w@db/shop#primary":                                   {host: "db", user: "app", password: "p@w", name: "shop"},
		"postgres://app@db":                                                      {host: "db", user: "app"},
		"postgres:///shop?host=/var/run/postgresql&user=app":                     {host: "/var/run/postgresql", user: "app", name: "shop"},
		"postgres://app:pw@[2001:db8::1]:5432/shop":                              {host: "2001:db8::1", port: "5432", user: "app", password: "pw", name: "shop"},
		"mysql://app:p@w?Zx9@db:3306/shop?charset=utf8mb4&x=a@b":                 {mysql: true, host: "db", port: "3306", user: "app", password: "p@w?Zx9", name: "shop"},
		"mysql2://app:pw@db/shop?variables[sql_mode]=x@y":                        {mysql: true, host: "db", user: "app", password: "pw", name: "shop"},
		`{"username":"app","password":"p@w","engine":"aurora-mysql","host":"h"}`: {mysql: true, host: "h", user: "app", password: "p@w"},
		" 'postgres://app:pw@db/shop' \n":                                        {host: "db", user: "app", password: "pw", name: "shop"},
	} {
		got, err := parseAddress(text, "")
		require.NoError(t, err, text)
		got.params = nil
		require.Equal(t, want, got, text)
	}
	a, err := parseAddress("postgres://app:pw@db/shop?application_name=a@b&sslmode=require", "")
	require.NoError(t, err)
	require.Equal(t, map[string]string{"application_name": "a@b", "sslmode": "require"}, a.params)
}

// TestDSNs takes what Go's MySQL driver does.
func TestDSNs(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]address{
		"app:p@w/d@tcp(db:3307)/shop?parseTime=true": {host: "db", port: "3307", user: "app", password: "p@w/d", name: "shop"},
		"app:pw@tcp(db)/shop":                        {host: "db", user: "app", password: "pw", name: "shop"},
		"app:pw@tcp([2001:db8::1]:3306)/shop":        {host: "2001:db8::1", port: "3306", user: "app", password: "pw", name: "shop"},
		"app:pw@unix(/run/mysqld/s.sock)/shop":       {user: "app", password: "pw", name: "shop"},
		"app:pw@tcp/shop":                            {host: "127.0.0.1", user: "app", password: "pw", name: "shop"},
		"app:pw@/shop":                               {host: "127.0.0.1", user: "app", password: "pw", name: "shop"},
		"/shop":                                      {host: "127.0.0.1", name: "shop"},
	} {
		got, err := parseAddress(text, mysqlKind)
		require.NoError(t, err, text)
		got.params, want.mysql = nil, true
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"app:pw", "app:pw@tcp(db", "app:pw@tcp(db)", "app:pw@quic(db)/shop"} {
		_, err := parseAddress(text, mysqlKind)
		require.ErrorIs(t, err, errUsage, text)
		require.NotContains(t, err.Error(), "pw")
	}
}

// TestOtherAddressesInErrors hides the passwords of addresses that were never
// given to the command: those of a proxy, a replica, another tool.
func TestOtherAddressesInErrors(t *testing.T) {
	t.Parallel()
	var r redactor
	for _, text := range []string{
		"dial app:Zx9secret@tcp(10.0.0.1:3306)/shop: connection refused",
		"app:Zx9@pa/ss@unix(/run/mysqld.sock)/shop",
		"app:Zx9secret@/shop",
		"postgres://app:Zx9@Zx9@127.0.0.1:1/lp",
		"mongodb+srv://u:Zx9pw@h/db",
		"host=h user=u password=Zx9secret port=1",
		"Server=h;User Id=u;Password=Zx9secret;",
	} {
		require.NotContains(t, r.text("cannot connect: "+text), "Zx9", text)
	}
	e := callIn(t, nil, base(t, "-max-wait", "2s", "-probe", "echo 'app:Zx9secret@tcp(db:3306)/shop: i/o timeout' >&2; exit 2", "--", "true")...)
	require.NotZero(t, e.code)
	require.Contains(t, e.last(), "i/o timeout")
	require.NotContains(t, e.out, "Zx9")
	e = callIn(t, nil, base(t, "-max-wait", "9s", "-build", "b", "--", "/bin/sh", "-c", "echo 'app:Zx9secret@tcp(db:3306)/shop: no such table' >/dev/null; exit 1", "app:Zx9secret@tcp(db:3306)/shop")...)
	require.NotZero(t, e.code)
	require.NotContains(t, e.out, "Zx9")
}
