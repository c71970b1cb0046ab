# Makes the cluster once, by the variables of the official image, then becomes the command.
# Made beside its place and moved there when complete: a half-made cluster is never started.
set -eu
if [ "$1" = postgres ] && [ ! -s "$PGDATA/PG_VERSION" ]; then
    password=${POSTGRES_PASSWORD:-}
    [ -z "${POSTGRES_PASSWORD_FILE:-}" ] || password=$(cat "$POSTGRES_PASSWORD_FILE")
    [ -n "$password" ] || { echo "postgres: set POSTGRES_PASSWORD_FILE or POSTGRES_PASSWORD" >&2; exit 1; }
    user=${POSTGRES_USER:-postgres}
    unfinished=$PGDATA/unfinished
    rm -rf "$unfinished"
    umask 077
    printf '%s\n' "$password" > /tmp/password
    # shellcheck disable=SC2086 # several words
    initdb --pgdata "$unfinished" --username "$user" --pwfile /tmp/password --auth scram-sha-256 ${POSTGRES_INITDB_ARGS:-}
    rm /tmp/password
    printf 'host all all all scram-sha-256\n' >> "$unfinished/pg_hba.conf"
    if [ "${POSTGRES_DB:-$user}" != postgres ]; then
        printf 'CREATE DATABASE "%s"\n' "${POSTGRES_DB:-$user}" | postgres --single -D "$unfinished" postgres
    fi
    version=$(cat "$unfinished/PG_VERSION")
    rm "$unfinished/PG_VERSION"
    mv "$unfinished"/* "$PGDATA"
    rmdir "$unfinished"
    printf '%s\n' "$version" > "$PGDATA/PG_VERSION"
fi
case " $* " in
    *listen_addresses*) ;;
    *) [ "$1" != postgres ] || set -- "$@" -c listen_addresses='*' ;;
esac
exec "$@"
