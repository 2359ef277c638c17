# Keycloak built for what the chart asks of it, so that a pod starts without building
# (keycloak.prebuilt in the chart's values).
ARG KEYCLOAK_IMAGE=quay.io/keycloak/keycloak:26.4
FROM ${KEYCLOAK_IMAGE}
RUN /opt/keycloak/bin/kc.sh build --db=postgres --health-enabled=true --metrics-enabled=true
