package enginetest

import (
	"context"
	"database/sql"
	"errors"
	"net"
	"strconv"

	"github.com/go-sql-driver/mysql"

	"github.com/trovectl/trovectl/guest/engine"
)

// MySQL are the facts of MySQL 8, where they are not MariaDB's.
func MySQL() Facts {
	f := MariaDB()
	f.Standard.Collation = "utf8mb4_0900_ai_ci"
	f.Second.Default = "67108864"
	f.BadSettings = []engine.Settings{
		{"max_connections": "0"}, {"no_such_parameter": "1"}, {"datadir": "/"}, {"local_infile": "perhaps"}, {"slow_query_log": "ON"},
		{"binlog_row_image": "none"}, {"tmpdir": "/x"}, {"init_connect": "a\nb"},
	}
	f.Static = Knob{Name: "innodb_sort_buffer_size", Default: "1048576", One: "2M", OneIs: "2097152", Two: "4M", TwoIs: "4194304"}
	f.Forbidden = []string{
		"SET GLOBAL read_only = ON", "SHUTDOWN", "SELECT 'x' INTO OUTFILE 'stolen'", "GRANT SUPER ON *.* TO root@'%'", "GRANT FILE ON *.* TO root@'%'",
	}
	f.Sabotage = []string{"DELETE FROM mysql.user WHERE Host = 'localhost'", "DELETE FROM mysql.db", "FLUSH PRIVILEGES"}
	return f
}

type mysqlClient struct{ *sql.DB }

func (c mysqlClient) Exec(ctx context.Context, statement string) error {
	_, err := c.ExecContext(ctx, statement)
	return err
}

// MySQLClient logs customers in to a server of MySQL's family on a host, over TCP.
func MySQLClient(host engine.Host) func(ctx context.Context, login Login) (Client, error) {
	return func(ctx context.Context, login Login) (Client, error) {
		cfg := mysql.NewConfig()
		cfg.User, cfg.Passwd, cfg.DBName, cfg.Net = login.Name, login.Password, login.Database, "tcp"
		cfg.Addr = net.JoinHostPort(host.Address, strconv.Itoa(host.Port))
		cfg.Logger, cfg.TLS = &mysql.NopLogger{}, login.TLS
		connector, err := mysql.NewConnector(cfg)
		if err != nil {
			return nil, err
		}
		db := sql.OpenDB(connector)
		db.SetMaxOpenConns(1)
		if err := db.PingContext(ctx); err != nil {
			return nil, errors.Join(err, db.Close())
		}
		return mysqlClient{db}, nil
	}
}
