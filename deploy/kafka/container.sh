#!/bin/sh
# Starts the broker in a container of apache/kafka, by the files of this folder, mounted beside this one.
# LOCKS=open starts one without locks, for tests. INSIDE is this container's name for other containers, OUTSIDE
# the host:port by which clients outside reach port 19092.
set -eu
umask 077
here=$(dirname "$0")
data=/var/lib/kafka/data
settings=/tmp/server.properties
locks=${LOCKS:-locked}
for part in server "$locks" container "container-$locks"; do
    sed -e "s|\${DATA}|$data|g" -e "s|\${PORT}|9092|g" -e "s|\${CONTROLLER_PORT}|9093|g" \
        -e "s|\${SECRETS}|/run/secrets|g" -e "s|\${INSIDE}|${INSIDE:-localhost}|g" -e "s|\${OUTSIDE}|$OUTSIDE|g" \
        "$here/$part.properties"
    echo
done > $settings

java="java -Dlog4j2.configurationFile=$here/log4j2.properties -Djava.awt.headless=true"
if [ ! -e $data/meta.properties ]; then
    # Once. Passwords go by a file: everyone may read a process's arguments.
    told=/tmp/format.arguments
    {
        printf '%s\n' format --config $settings --cluster-id "$(head -c 16 /dev/urandom | base64 | tr '+/' 'ab' | tr -d '=')"
        [ "$locks" = open ] || for user in admin broker; do
            printf '%s\n' --add-scram "SCRAM-SHA-512=[name=$user,iterations=8192,password=$(cat /run/secrets/$user)]"
        done
    } > $told
    $java -cp '/opt/kafka/libs/*' kafka.tools.StorageTool @$told
    rm $told
fi
# shellcheck disable=SC2086 # several words
exec $java ${JVM_OPTIONS:--Xms256m -Xmx512m} -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -XX:+ExitOnOutOfMemoryError \
    -cp '/opt/kafka/libs/*' kafka.Kafka $settings
