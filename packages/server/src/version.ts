/** The version that every protocol reports. libmemcached wants N.N.N with a first number from 1 to 255. */
export const version = "3.0.0";
