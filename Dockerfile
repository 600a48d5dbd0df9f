# The program and nothing else: no shell, no libraries, no root.
#
# deploy/release.sh puts the program into dist/, or whoever has it from a release.
FROM scratch
ARG TARGETARCH TARGETVARIANT
COPY dist/daoxiao-${TARGETARCH}${TARGETVARIANT} /daoxiao
USER 65534:65534
EXPOSE 8080
# asks where DAOXIAO_LISTEN has the bot listen; the flag --listen would not be seen
HEALTHCHECK --interval=1m --timeout=5s --start-period=5s CMD ["/daoxiao", "healthcheck"]
ENTRYPOINT ["/daoxiao"]
