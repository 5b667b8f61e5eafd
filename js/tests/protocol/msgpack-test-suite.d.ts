declare module "msgpack-test-suite";
